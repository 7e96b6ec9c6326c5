"""The reviewed list of what the application's role may do, table by table.

`migrate` makes it so (`roles.py`), and tests/tenants/test_rights.py reads it back from the
database. A table that is not named here may not even be read: name a new one, with the least that
its code needs. Row level security and the guards of `guards.py` come on top.
"""

from typing import Final

READ: Final = ("SELECT",)
ADD: Final = ("SELECT", "INSERT")
WRITE: Final = ("SELECT", "INSERT", "UPDATE")
ALL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

# Nothing of these is for the application.
CLOSED: Final = frozenset({"campus_signing_key"})

TABLES: Final[dict[str, tuple[str, ...]]] = {
    # --- Shared by all campuses. Guarded: who may enter, and where addresses lead.
    "accounts_user": WRITE,
    "account_emailaddress": ALL,  # deleting verified ones: guarded
    "mfa_authenticator": ALL,  # guarded
    "socialaccount_socialaccount": ALL,  # guarded
    "usersessions_usersession": ALL,  # deleting: guarded
    "django_session": ALL,  # deleting those that are not over: guarded
    "tenants_campus": WRITE,  # short name and closing: guarded
    "tenants_campusremoval": READ,
    "tenants_domain": ALL,  # changing and deleting: guarded
    "biometrics_facemodel": WRITE,
    # Kept by libraries and hardly used here.
    "account_emailconfirmation": READ,
    "accounts_user_groups": READ,
    "accounts_user_user_permissions": READ,
    "auth_group": READ,
    "auth_group_permissions": READ,
    "auth_permission": READ,
    "django_admin_log": READ,
    "django_content_type": READ,
    "django_migrations": READ,
    "tenants_masterkey": READ,
    "socialaccount_socialapp": READ,
    "socialaccount_socialtoken": READ,
    # --- Of a campus. DELETE where a service, the admin or a cascade deletes.
    "accounts_allowedaddress": ALL,
    "accounts_contact": ALL,
    "accounts_device": ALL,
    "accounts_faculty": ALL,
    "accounts_invitation": WRITE,
    "accounts_member": ALL,  # deleting: guarded; erasure of a person
    "accounts_membership": ALL,  # likewise
    "accounts_student": ALL,
    "announcements_announcement": ALL,
    "api_keys_apikey": ALL,  # deleting: erasure of a person
    "learning_facedrift": ALL,
    "learning_learnedsample": ALL,
    "learning_learningsetting": ALL,
    "liveness_livenesscheck": ALL,
    "liveness_livenessframe": ALL,
    "cameras_camera": ALL,
    "cameras_cameraevent": ALL,
    "cameras_cameraframe": ALL,
    "cameras_camerasystemevent": ALL,
    "cameras_unknownperson": ALL,
    "class_photos_classphoto": ALL,
    "class_photos_photoface": ALL,
    "class_photos_photoreview": WRITE,
    "attendance_attendancerecord": ALL,
    "attendance_attendancesummary": ALL,
    "attendance_bulkchange": WRITE,
    "attendance_customstatus": ALL,
    "attendance_policy": ALL,
    "attendance_recordchange": WRITE,
    "audit_bad_entry": ADD,  # written once, as all of these
    "audit_entry": WRITE,  # changing: guarded; names of erased people go
    "audit_platform_bad_entry": ADD,
    "audit_platform_entry": WRITE,  # likewise
    "audit_platform_redaction": ADD,
    "audit_platform_seal": ADD,
    "audit_redaction": ADD,
    "audit_root": ADD,
    "audit_root_copy": ADD,
    "audit_seal": ADD,
    "biometrics_campusthreshold": ALL,
    "biometrics_facesample": ALL,
    "biometrics_facetemplate": (*ALL, "MAINTAIN"),  # VACUUM, of replaced vectors
    "biometrics_faceverification": ALL,
    "biometrics_storedimage": ALL,
    "biometrics_templatekey": WRITE,
    "checkin_rapidcodechallenge": ALL,
    "checkin_checkinattempt": WRITE,
    "checkin_onlineminute": ALL,
    "class_sessions_classsession": ALL,
    "class_sessions_sessioncourse": ALL,
    "classrooms_beacon": ALL,
    "classrooms_building": ALL,
    "classrooms_classroom": ALL,
    "enrollments_course": ALL,
    "enrollments_department": ALL,
    "enrollments_enrollment": ALL,
    "enrollments_enrollmentperiod": ALL,
    "enrollments_grade": ALL,
    "enrollments_placement": ALL,
    "enrollments_section": ALL,
    "enrollments_sourcedid": ALL,
    "enrollments_subject": ALL,
    "enrollments_term": ALL,
    "imports_importanswer": ALL,
    "imports_importrun": WRITE,
    "identity_providers_emergencyaccount": ALL,
    "identity_providers_identityprovider": ALL,
    "identity_providers_leaver": ALL,
    "identity_providers_metadatasource": ALL,
    "identity_providers_providerlink": ALL,
    "identity_providers_providername": ALL,
    "identity_providers_samlkey": ALL,
    "identity_providers_scimclient": ALL,
    "identity_providers_scimperson": ALL,
    "integrity_finding": ALL,
    "jobs_job": WRITE,
    "legacy_legacymove": WRITE,
    "leave_appeal": WRITE,
    "leave_attachment": ALL,
    "leave_leaverequest": WRITE,
    "oneroster_onerosterclient": ALL,
    "oneroster_onerosterconnection": ALL,
    "oneroster_onerosterrow": ALL,
    "oneroster_onerosterrun": ALL,
    "timetable_feeds_feedcode": ALL,
    "timetable_feeds_feedmeeting": ALL,
    "timetable_feeds_feedrun": ALL,
    "timetable_feeds_timetablefeed": ALL,
    "lti_ltikey": ALL,
    "lti_ltilink": ALL,
    "lti_ltiperson": ALL,
    "lti_ltiplatform": ALL,
    "lti_ltiregistration": WRITE,
    "lti_ltiscore": ALL,
    "notifications_campusmessages": WRITE,
    "notifications_delivery": ALL,
    "notifications_message": ALL,
    "notifications_preference": ALL,
    "notifications_pushtoken": ALL,
    "notifications_quiethours": ALL,
    "privacy_consent": ALL,
    "privacy_erasurerequest": WRITE,
    "privacy_rules": WRITE,
    "privacy_searchpermission": WRITE,
    "qr_otp_onetimecode": ALL,
    "qr_otp_qrsecret": ALL,
    "qr_otp_scan": WRITE,
    "qr_otp_tries": ALL,
    "register_exports_deletedrow": ALL,  # written by triggers
    "register_exports_registerexport": ALL,
    "register_exports_warehousesetting": ALL,
    "search_entry": ALL,  # by the triggers of people
    "timetable_calendarlink": ALL,
    "timetable_generatedsession": ALL,
    "terminals_card": ALL,
    "terminals_cardkey": WRITE,
    "terminals_cardterminal": ALL,
    "terminals_punch": ALL,
    "timetable_holiday": ALL,
    "timetable_slotcourse": ALL,
    "timetable_weeklyslot": ALL,
    "webhooks_webhookdelivery": ALL,
    "webhooks_webhookendpoint": ALL,
}

# The owner's functions that the application calls, or that run for it inside its own statements.
FUNCTIONS: Final = frozenset(
    {
        "attendance_history_analyze()",
        "campus_fold(text)",
        "campus_search(text,text)",
        "campus_stage(text[],text[])",
        "campus_stage_filled()",
        "campus_stage_drop()",
        "campus_uuid7()",
        "import_rosters_analyze()",
    }
)
