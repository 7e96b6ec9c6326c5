"""Every admin page opens, stays inside the campus, and asks a bounded number of questions."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from apps.accounts.models import (
    AllowedAddress,
    Device,
    Invitation,
    Member,
    Membership,
    Role,
    Student,
    User,
)
from apps.attendance.models import AttendanceRecord, CustomStatus, Policy
from apps.audit.models import Entry
from apps.classrooms.models import Building
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope
from apps.timetable_feeds.models import FeedCode
from tests.admin.support import client_of, fill, url
from tests.authenticator import SoftPasskey, registered
from tests.factories import Cast, make_session, make_user

pytestmark = pytest.mark.django_db

# Tables of the platform beside those of the campuses. Nothing of the libraries is shown: it would
# list the accounts of every campus.
PLATFORM = {
    *("tenants.Campus", "tenants.CampusRemoval", "tenants.Domain", "tenants.MasterKey"),
    *("accounts.User", "biometrics.FaceModel"),
    *(
        "audit.PlatformEntry",
        "audit.PlatformSeal",
        "audit.PlatformBadEntry",
        "audit.PlatformRedaction",
    ),
    *("audit.Root", "audit.RootCopy"),
}
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
TENANT = [model for model in REGISTERED if issubclass(model, CampusModel)]


@pytest.fixture
def admin_client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


@pytest.fixture
def full(cast: Cast) -> Cast:
    fill(cast)
    return cast


def test_every_model_is_registered() -> None:
    """`Member`, what a campus knows of an account, is the account's page itself, and the codes of
    a timetable feed stand on its page."""
    ours = {model for model in apps.get_models() if model.__module__.startswith("apps.")}
    assert ours - set(REGISTERED) == {Member, FeedCode}


def test_the_list_of_all_tables_is_made_for_the_page_that_shows_it(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    build = admin.site._build_app_dict

    def noted(request: Any, label: str | None = None) -> Any:
        made.append(request.path)
        return build(request, label)

    monkeypatch.setattr(admin.site, "_build_app_dict", noted)
    for page in (url(Student, "changelist"), "/admin/", "/admin/accounts/"):
        assert admin_client.get(page).status_code == 200
    assert set(made) == {"/admin/accounts/"}


def test_nothing_is_shown_that_crosses_campuses() -> None:
    shown = {model._meta.label for model in REGISTERED if model not in TENANT}
    assert shown == PLATFORM


@pytest.mark.parametrize("label", sorted(PLATFORM - {"accounts.User"}))
def test_the_platform_is_for_super_admins_alone(cast: Cast, label: str) -> None:
    for who in (cast.admin, cast.operator, cast.principal):
        page = client_of(cast, who).get(url(apps.get_model(label), "changelist"))
        assert page.status_code == 403


def test_autocompletes_offer_rows_of_the_own_campus_only(
    full: Cast, other_cast: Cast, admin_client: Client
) -> None:
    answer = admin_client.get(
        "/admin/autocomplete/",
        {"app_label": "enrollments", "model_name": "enrollment", "field_name": "student"},
    )
    ids = {int(result["id"]) for result in answer.json()["results"]}
    with campus_scope(full.campus):
        assert ids == set(Student.objects.values_list("pk", flat=True))


def test_another_campus_id_is_no_choice_of_a_form(
    cast: Cast, other_cast: Cast, admin_client: Client
) -> None:
    answer = admin_client.post(
        url(ClassSession, "add"),
        {
            "course": other_cast.course.pk,
            "faculty": other_cast.lecturer.pk,
            "starts_at_0": "2026-09-14",
            "starts_at_1": "08:00",
            "ends_at_0": "2026-09-14",
            "ends_at_1": "09:00",
        },
    )
    assert answer.status_code == 200  # the form again, with errors
    with campus_scope(cast.campus):
        assert ClassSession.objects.count() == 0


def test_filters_cannot_reach_through_relations_into_another_campus(
    full: Cast, other_cast: Cast, admin_client: Client
) -> None:
    answer = admin_client.get(
        url(Student, "changelist"), {"enrollments__course__code__startswith": "CS"}
    )
    assert answer.status_code in (200, 302, 400)
    assert other_cast.student.email.encode() not in answer.content


@pytest.mark.parametrize("who", ["lecturer", "student"])
def test_faculty_and_students_have_no_admin(cast: Cast, who: str) -> None:
    answer = client_of(cast, getattr(cast, who).user).get("/admin/")
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_an_admin_of_one_campus_is_nobody_on_another(cast: Cast, other_cast: Cast) -> None:
    stranger = client_of(other_cast, cast.admin)
    assert stranger.get("/admin/").status_code == 302


def test_principals_look_and_do_not_touch(full: Cast) -> None:
    client = client_of(full, full.principal)
    assert client.get(url(Building, "add")).status_code == 403
    with campus_scope(full.campus):
        building = Building.objects.get()
    assert client.post(url(Building, "change", building.pk), {"name": "X"}).status_code == 403


def test_a_change_is_written_to_the_audit_log(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        building = Building.objects.get()
    answer = admin_client.post(url(Building, "change", building.pk), {"name": "Renamed"})
    assert answer.status_code == 302
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="admin.building.changed")
    assert entry.data == {"name": ["Main", "Renamed"]}
    assert entry.actor_id == f"user:{cast.admin.pk}"


def test_a_duplicate_is_a_message_not_an_error(cast: Cast, admin_client: Client) -> None:
    answer = admin_client.post(url(Building, "add"), {"name": "Main"})
    assert answer.status_code == 200
    assert b"already exists" in answer.content or b"violated" in answer.content


def test_people_with_history_are_not_deleted(full: Cast, admin_client: Client) -> None:
    answer = admin_client.post(
        url(Student, "delete", full.student.pk), {"post": "yes"}, follow=True
    )
    assert b"cannot be deleted: it has" in answer.content
    assert b"Deactivate it instead" in answer.content
    with campus_scope(full.campus):
        assert Student.objects.filter(pk=full.student.pk).exists()


def test_deactivating_a_student_ends_the_sign_in_and_keeps_the_row(
    cast: Cast, admin_client: Client
) -> None:
    student_client = client_of(cast, cast.student.user)  # type: ignore[arg-type]
    assert student_client.get("/attendance/").status_code == 200
    admin_client.post(
        url(Student, "changelist"),
        {"action": "deactivate", "_selected_action": [cast.student.pk]},
    )
    with campus_scope(cast.campus):
        assert not Student.objects.get(pk=cast.student.pk).is_active
    assert student_client.get("/attendance/").status_code in (302, 403)


def test_a_device_can_be_reset_from_the_list(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        Device.objects.create(
            student=cast.student,
            device_uuid="d",
            public_key=b"k",
            kind="android",
            bound_at=timezone.now() - timedelta(days=1),
            last_seen_at=timezone.now(),
        )
    admin_client.post(
        url(Student, "changelist"),
        {"action": "reset_device", "_selected_action": [cast.student.pk]},
    )
    with campus_scope(cast.campus):
        assert not Device.objects.get().is_active


def test_passkeys_are_seen_and_removed(cast: Cast, other_cast: Cast, admin_client: Client) -> None:
    for host in (cast.host, other_cast.host):
        registered(cast.student.user, SoftPasskey(host), age=timedelta(days=3), name="blue phone")
    page = admin_client.get(url(Student, "change", cast.student.pk)).content.decode()
    assert f"blue phone: {cast.host}" in page
    assert other_cast.host not in page
    admin_client.post(
        url(Student, "changelist"),
        {"action": "remove_passkeys", "_selected_action": [cast.student.pk]},
    )
    assert [row.data["rp_id"] for row in Authenticator.objects.all()] == [other_cast.host]


def test_an_administrator_sees_accounts_of_the_own_campus_only(
    cast: Cast, other_cast: Cast, admin_client: Client
) -> None:
    content = admin_client.get(url(User, "changelist"), {"q": "admin@"}).content
    assert cast.admin.email.encode() in content
    assert other_cast.admin.email.encode() not in content
    assert admin_client.get(url(User, "change", other_cast.admin.pk)).status_code == 404


def test_nobody_makes_themselves_a_super_admin(cast: Cast, admin_client: Client) -> None:
    admin_client.post(
        url(User, "change", cast.admin.pk), {"name": "A", "is_superuser": "on", "email": "x@y.z"}
    )
    cast.admin.refresh_from_db()
    assert not cast.admin.is_superuser
    assert cast.admin.email == "admin@north.example"


def test_a_person_of_another_campus_is_invited_to_a_role_here(
    cast: Cast, other_cast: Cast, admin_client: Client
) -> None:
    email = other_cast.admin.email
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email=email, note="Of both.")
    answer = admin_client.post(
        url(User, "add"), {"email": email, "name": "", "roles": [Role.PRINCIPAL]}
    )
    assert answer.status_code == 302, answer.context["errors"]
    assert answer["Location"] == url(Invitation, "changelist")
    with campus_scope(cast.campus):
        assert not Membership.objects.filter(user=other_cast.admin).exists()
        assert Invitation.objects.get().email == email
    assert User.objects.filter(email=email).count() == 1


def test_a_new_policy_takes_the_next_version(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, created_at=timezone.now())
        form = {
            "course": "",
            "weight_qr": "0.5",
            "weight_device": "0.3",
            "weight_location": "0.2",
            "weight_bluetooth": 0,
            "weight_face": 0,
            "weight_person": "0.1",
            "passkey": "required",
            "person": "bonus",
            "synced_passkey_weight": "0.5",
            "required": ["qr"],
            "face": "required",
            "liveness": "off",
            "class_code_weight": "0.25",
            "offline_limit": 1,
            "waiting_hours": 24,
            "present_threshold": "0.7",
            "late_after_minutes": 5,
            "open_before_minutes": 15,
            "open_after_minutes": 15,
            "close_after_minutes": 45,
            "grace_minutes": 5,
            "check_in_from_minutes": "",
            "check_in_until_minutes": 30,
            "offline_factor": "0.5",
            "edit_days": 7,
            "locked_before": "2026-01-01",
            "appeal_days": 3,
            "defaulter_percent": "70",
            "warn_percent": "75.5",
            "consecutive_absences": 2,
            "arrivals": "count",
        }
    answer = admin_client.post(url(Policy, "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    with campus_scope(cast.campus):
        policy = Policy.objects.get(version=2)
    assert (policy.required, policy.decisive) == (["qr"], [])
    assert (policy.face, policy.offline_limit, policy.waiting_hours) == ("required", 1, 24)
    assert str(policy.class_code_weight) == "0.25"
    assert policy.weights == {
        "qr": 0.5,
        "device": 0.3,
        "location": 0.2,
        "bluetooth": 0.0,
        "face": 0.0,
        "person": 0.1,
    }
    assert (policy.passkey, policy.person) == ("required", "bonus")
    assert str(policy.synced_passkey_weight) == "0.50"
    assert (policy.check_in_from_minutes, policy.check_in_until_minutes) == (None, 30)
    ahead = (timezone.now() + timedelta(days=2)).date()
    for name, wrong in (
        ("weight_location", "0.3"),
        ("locked_before", ahead.isoformat()),
        ("offline_factor", "1.5"),
        ("waiting_hours", "0"),
        ("class_code_weight", "1.5"),
        ("required", ["face"]),
        ("required", ["person"]),
        ("synced_passkey_weight", "1.1"),
        ("warn_percent", "101"),
        ("consecutive_absences", "0"),
    ):
        refused = admin_client.post(url(Policy, "add"), {**form, name: wrong})
        assert name in refused.context["adminform"].form.errors
    backwards = {**form, "check_in_from_minutes": 40}
    refused = admin_client.post(url(Policy, "add"), backwards)
    assert refused.context["adminform"].form.non_field_errors()


def test_a_status_that_marks_have_keeps_its_meaning(cast: Cast, admin_client: Client) -> None:
    form = {
        "code": "trip",
        "name": "Field trip",
        "meaning": "excused",
        "counts_as": "",
        "points": "1",
        "colour": "#64748b",
        "position": 0,
        "is_active": "on",
    }
    answer = admin_client.post(url(CustomStatus, "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    with campus_scope(cast.campus):
        own = CustomStatus.objects.get()
        assert own.counts_as == "neutral"
        AttendanceRecord.objects.create(
            session=make_session(cast.course),
            student=cast.student,
            status="excused",
            label=own,
            source="manual",
            recorded_at=timezone.now(),
        )
    page = url(CustomStatus, "change", own.pk)
    admin_client.post(page, {**form, "counts_as": "attended"})
    admin_client.post(page, {**form, "counts_as": "neutral", "name": "Excursion"})
    with campus_scope(cast.campus):
        own.refresh_from_db()
    assert (own.counts_as, own.name) == ("neutral", "Excursion")


class TestSuperAdmin:
    """Chooses the campus in the header; works on any host."""

    @pytest.fixture
    def root(self, cast: Cast, other_cast: Cast) -> Client:
        with campus_scope(cast.campus):
            user = make_user("root@platform.example", is_superuser=True)
        client = Client(headers={"host": "platform.example"})
        client.force_login(user)
        return client

    def test_without_a_campus_there_are_no_rows_but_a_choice(self, root: Client) -> None:
        index = root.get("/admin/")
        assert index.status_code == 200
        assert b"North Campus" in index.content
        assert root.get(url(Student, "changelist")).status_code == 302
        assert root.get(url(Campus, "changelist")).status_code == 200

    def test_the_chosen_campus_is_entered(self, root: Client) -> None:
        root.post("/admin/choose-campus/", {"campus": "south"})
        content = root.get(url(Student, "changelist")).content
        assert b"stud@south.example" in content
        assert b"stud@north.example" not in content
        root.post("/admin/choose-campus/", {"campus": ""})
        assert root.get(url(Student, "changelist")).status_code == 302

    def test_others_cannot_choose(self, cast: Cast, other_cast: Cast) -> None:
        client = client_of(cast, cast.admin)
        client.post("/admin/choose-campus/", {"campus": "south"})
        assert b"south.example" not in client.get(url(Student, "changelist")).content


def test_no_secret_is_shown_anywhere(full: Cast, admin_client: Client) -> None:
    from apps.qr_otp.models import QrSecret
    from apps.qr_otp.selectors import live_secret

    with campus_scope(full.campus):
        row = QrSecret.objects.get()
        secret = live_secret(purpose=row.purpose, subject=row.subject)
    assert secret is not None
    content = admin_client.get(url(QrSecret, "change", row.pk)).content
    assert secret.hex().encode() not in content
    assert b"sealed" not in content.lower()


def test_the_theme_may_style_and_other_pages_may_not(cast: Cast, admin_client: Client) -> None:
    relaxed = admin_client.get("/admin/")["Content-Security-Policy"]
    strict = admin_client.get("/accounts/password/change/")["Content-Security-Policy"]
    assert "unsafe-inline" in relaxed
    assert "unsafe" not in strict
