"""The tables of the administration by subject: its sidebar and its start page."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from campus.settings.table_texts import TEXTS

# Looked up once for a process: the sidebar asks for some 280 addresses on every page.
address = lazy(cache(reverse), str)


def super_admin(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def on_messages(request: HttpRequest) -> bool:
    """The texts have an entry of their own, below the same address."""
    return (
        request.path.startswith("/admin/notifications/message/") and "/texts/" not in request.path
    )


def link(model: str, title: Any, icon: str, **more: Any) -> dict[str, Any]:
    """A sidebar entry for the list of "app_model"."""
    return {
        "title": title,
        "icon": icon,
        "text": TEXTS[model],
        "link": address(f"admin:{model}_changelist"),
        **more,
    }


def group(title: Any, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": title, "collapsible": True, "separator": True, "items": items, **more}


NAVIGATION = [
    {"items": [{"title": _("Start"), "icon": "home", "link": address("admin:index")}]},
    group(
        _("People"),
        link("accounts_student", _("Students"), "school"),
        link("accounts_faculty", _("Faculty"), "co_present"),
        link("accounts_user", _("Accounts"), "person"),
        link("accounts_membership", _("Roles"), "badge"),
        link("accounts_invitation", _("Invitations"), "mail"),
        link("accounts_allowedaddress", _("Addresses outside the domains"), "alternate_email"),
        link("accounts_device", _("Devices"), "smartphone"),
        link("accounts_contact", _("Guardians and advisers"), "family_restroom"),
    ),
    group(
        _("Study"),
        link("enrollments_term", _("Terms"), "calendar_month"),
        link("enrollments_department", _("Departments"), "account_balance"),
        link("enrollments_section", _("Sections"), "groups"),
        link("enrollments_placement", _("Section placements"), "group_add"),
        link("enrollments_subject", _("Subjects"), "menu_book"),
        link("enrollments_course", _("Courses"), "local_library"),
        link("enrollments_enrollment", _("Enrolments"), "how_to_reg"),
        link("enrollments_enrollmentperiod", _("Days of enrolments"), "date_range"),
        link("enrollments_grade", _("Grades"), "grade"),
    ),
    group(
        _("Imports"),
        link("imports_importrun", _("Spreadsheets"), "upload_file"),
        link("legacy_legacymove", _("Older systems"), "move_to_inbox"),
        link("imports_importanswer", _("Answers about spreadsheets"), "quiz"),
        link("jobs_job", _("Jobs"), "pending_actions"),
    ),
    group(
        _("Places"),
        link("classrooms_building", _("Buildings"), "apartment"),
        link("classrooms_classroom", _("Classrooms"), "meeting_room"),
        link("classrooms_beacon", _("Beacons"), "bluetooth"),
    ),
    group(
        _("Timetable"),
        link("timetable_weeklyslot", _("Weekly slots"), "view_week"),
        link("timetable_slotcourse", _("Joint slots"), "join"),
        link("timetable_holiday", _("Holidays"), "beach_access"),
        link("timetable_generatedsession", _("Generated sessions"), "event_repeat"),
        link("timetable_calendarlink", _("Calendar links"), "link"),
        link("timetable_feeds_timetablefeed", _("Timetable feeds"), "calendar_add_on"),
        link("timetable_feeds_feedrun", _("Readings of feeds"), "history"),
        link("timetable_feeds_feedmeeting", _("What feeds said"), "list_alt"),
    ),
    group(
        _("Attendance"),
        link("class_sessions_classsession", _("Class sessions"), "event"),
        link("class_sessions_sessioncourse", _("Courses of sessions"), "join"),
        link("attendance_attendancerecord", _("Records"), "fact_check"),
        link("checkin_checkinattempt", _("Check-in attempts"), "qr_code_scanner"),
        link("attendance_attendancesummary", _("Summaries"), "percent"),
        link("attendance_recordchange", _("Changes by hand"), "edit_note"),
        link("attendance_bulkchange", _("Bulk changes"), "playlist_add_check"),
        link("attendance_customstatus", _("Statuses"), "label"),
        link("leave_leaverequest", _("Leave requests"), "event_busy"),
        link("leave_appeal", _("Appeals"), "gavel"),
        link("leave_attachment", _("Attachments"), "attach_file"),
        link("integrity_finding", _("Flags to review"), "flag"),
        link("checkin_rapidcodechallenge", _("Rapid-code challenges"), "bolt"),
        link("attendance_policy", _("Policies"), "rule"),
        link("qr_otp_scan", _("Scan log"), "qr_code"),
    ),
    group(
        _("Faces"),
        link("biometrics_facesample", _("Samples"), "face"),
        link("biometrics_faceverification", _("Verifications"), "verified_user"),
        link("liveness_livenesscheck", _("Liveness checks"), "3d_rotation"),
        link("learning_learningsetting", _("Learning from check-ins"), "model_training"),
        link("learning_learnedsample", _("Learned samples"), "add_a_photo"),
        link("learning_facedrift", _("Face drift"), "trending_up"),
        link("class_photos_photoreview", _("Photos of classes"), "groups"),
        link("cameras_camera", _("Cameras"), "videocam"),
        link("cameras_cameraevent", _("Sightings"), "visibility"),
        link("cameras_unknownperson", _("Unknown people"), "person_search"),
        link("cameras_camerasystemevent", _("Events of cameras"), "monitor_heart"),
        link("biometrics_storedimage", _("Stored images"), "photo_library"),
        link("biometrics_campusthreshold", _("Thresholds"), "tune"),
    ),
    group(
        _("Messages"),
        link("announcements_announcement", _("Announcements"), "campaign"),
        link(
            "notifications_message",
            _("Messages"),
            "mail",
            active=on_messages,
        ),
        {
            "title": _("Texts"),
            "icon": "article",
            "text": _("What each message says, in every language"),
            "link": address("admin:notifications_message_texts"),
        },
        link("notifications_delivery", _("Deliveries"), "outbox"),
        {
            "title": _("Given up"),
            "icon": "report",
            "text": _("Messages that could not be delivered"),
            "link": lambda _request: (
                f"{reverse('admin:notifications_delivery_changelist')}?status__exact=dead"
            ),
        },
        link("notifications_pushtoken", _("Push tokens"), "notifications"),
        link("notifications_preference", _("Preferences"), "tune"),
        link("notifications_quiethours", _("Quiet hours"), "bedtime"),
        link("notifications_campusmessages", _("Settings"), "settings"),
    ),
    group(
        _("Ways to sign in"),
        link("identity_providers_identityprovider", _("Identity providers"), "passkey"),
        link("identity_providers_metadatasource", _("Federations"), "hub"),
        link("identity_providers_samlkey", _("Keys for SAML providers"), "vpn_key"),
        link("identity_providers_providerlink", _("People of providers"), "link"),
        link("identity_providers_emergencyaccount", _("Emergency accounts"), "emergency"),
        link("identity_providers_scimclient", _("SCIM clients"), "group_remove"),
        link("identity_providers_scimperson", _("People of SCIM clients"), "badge"),
        link("identity_providers_leaver", _("Leavers"), "logout"),
    ),
    group(
        _("Cards and terminals"),
        link("terminals_card", _("Cards"), "badge"),
        link("terminals_cardterminal", _("Terminals"), "contactless"),
        link("terminals_punch", _("Punches"), "touch_app"),
    ),
    group(
        _("Other systems"),
        link("api_keys_apikey", _("API keys"), "key"),
        link("webhooks_webhookendpoint", _("Webhooks"), "webhook"),
        link("webhooks_webhookdelivery", _("Deliveries to webhooks"), "outbound"),
        link("lti_ltiplatform", _("Learning platforms"), "school"),
        link("lti_ltiregistration", _("Links to register them"), "add_link"),
        link("lti_ltilink", _("Courses there"), "link"),
        link("lti_ltiperson", _("Students there"), "group"),
        link("lti_ltiscore", _("Scores there"), "grade"),
        link("lti_ltikey", _("Our keys for them"), "vpn_key"),
        link("oneroster_onerosterconnection", _("OneRoster service"), "sync"),
        link("oneroster_onerosterrun", _("Readings of it"), "history"),
        link("oneroster_onerosterrow", _("What it said"), "list_alt"),
        link("enrollments_sourcedid", _("Ids that it gave"), "tag"),
        link("oneroster_onerosterclient", _("Who reads our roster"), "ios_share"),
        link("register_exports_warehousesetting", _("Export of registers"), "database"),
        link("register_exports_registerexport", _("Written exports"), "history"),
        link("register_exports_deletedrow", _("Deleted rows"), "delete_history"),
    ),
    group(
        _("Privacy and audit"),
        link("privacy_consent", _("Consents"), "handshake"),
        link("privacy_erasurerequest", _("Requests for erasure"), "person_remove"),
        link("privacy_privacyrules", _("Rules of privacy"), "policy"),
        link("privacy_searchpermission", _("Permission to search"), "person_search"),
        link("audit_entry", _("Audit log"), "history"),
        link("audit_seal", _("Audit seals"), "link"),
        link("audit_badentry", _("Audit entries put aside"), "report"),
        link("audit_redaction", _("Audit entries redacted"), "content_cut"),
    ),
    group(
        _("Platform"),
        link(
            "tenants_campus",
            _("Campuses"),
            "domain",
            permission=super_admin,
        ),
        link(
            "tenants_domain",
            _("Domains"),
            "language",
            permission=super_admin,
        ),
        link(
            "biometrics_facemodel",
            _("Face models"),
            "model_training",
            permission=super_admin,
        ),
        link(
            "audit_platformentry",
            _("Audit log of the platform"),
            "history",
            permission=super_admin,
        ),
        link(
            "audit_platformseal",
            _("Its seals"),
            "link",
            permission=super_admin,
        ),
        link(
            "audit_platformbadentry",
            _("Its entries put aside"),
            "report",
            permission=super_admin,
        ),
        link("audit_root", _("Audit roots"), "verified", permission=super_admin),
    ),
]
