"""What the administration must not let through: other campuses, secrets, and too small roles."""

from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Membership, Role, Student, User
from apps.audit.models import Entry
from apps.classrooms.models import Building, Classroom
from apps.common.errors import Refused
from apps.enrollments.models import Course, Enrollment
from apps.qr_otp.models import OneTimeCode
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.admin.test_admin_queries import a_lot
from tests.factories import Cast, make_session, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


@pytest.fixture
def full(cast: Cast, now: datetime) -> Cast:
    a_lot(cast.campus, range(1), now)
    return cast


@pytest.fixture
def root(cast: Cast, other_cast: Cast) -> Client:
    with campus_scope(cast.campus):
        user = make_user("root@platform.example", is_superuser=True)
    client = Client(headers={"host": "platform.example"})
    client.force_login(user)
    return client


def foreign_keys() -> list[tuple[type[models.Model], str]]:
    """Every foreign key that some page of the administration lets people set."""
    return [
        (model, field.name)
        for model in sorted(admin.site._registry, key=lambda model: model._meta.label)
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.editable
    ]


@pytest.mark.parametrize(("model", "name"), foreign_keys(), ids=str)
def test_autocompletes_of_every_foreign_key_stay_inside(
    cast: Cast, other_cast: Cast, admin_client: Client, model: Any, name: str
) -> None:
    answer = admin_client.get(
        "/admin/autocomplete/",
        {
            "app_label": model._meta.app_label,
            "model_name": model._meta.model_name,
            "field_name": name,
        },
    )
    if answer.status_code != 200:
        assert answer.status_code in (403, 404)
        return
    related = model._meta.get_field(name).related_model
    offered = {result["id"] for result in answer.json()["results"]}
    with campus_scope(other_cast.campus):
        people = User.objects.filter(memberships__campus=other_cast.campus)
        abroad = people if related is User else related._default_manager.all()
        assert offered.isdisjoint({str(row.pk) for row in abroad})


def test_accounts_of_another_campus_are_no_choice_even_by_id(
    cast: Cast, other_cast: Cast, admin_client: Client
) -> None:
    """Accounts belong to the platform: no row security stands behind this form."""
    form = {"user": other_cast.principal.pk, "role": Role.ADMIN, "is_active": "on"}
    answer = admin_client.post(url(Membership, "add"), form)
    assert answer.status_code == 200
    assert "user" in answer.context["adminform"].form.errors
    with campus_scope(cast.campus):
        assert not Membership.objects.filter(user=other_cast.principal).exists()


@pytest.mark.parametrize(
    ("model", "name", "key"),
    [
        (Classroom, "building", lambda south: south.classroom.building_id),
        (Course, "faculty", lambda south: south.lecturer.pk),
        (Enrollment, "student", lambda south: south.student.pk),
        (Enrollment, "course", lambda south: south.course.pk),
    ],
)
def test_rows_of_another_campus_are_no_choice_even_by_id(
    cast: Cast, other_cast: Cast, admin_client: Client, model: Any, name: str, key: Any
) -> None:
    with campus_scope(cast.campus):
        row = model.objects.order_by("pk").first()
    page = url(model, "change", row.pk)
    form = {**fields_of(admin_client.get(page)), name: key(other_cast)}
    answer = admin_client.post(page, form)
    assert answer.status_code == 200
    assert name in answer.context["adminform"].form.errors


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (User, {"password__startswith": "md5"}),
        (OneTimeCode, {"code_hash__gt": "a"}),
        (Student, {"user__password__startswith": "md5"}),
        (Student, {"campus__slug": "south"}),
        (Student, {"campus__name__startswith": "S"}),
        (Enrollment, {"student__user__email__startswith": "a"}),
        (Enrollment, {"course__faculty__user__password__startswith": "a"}),
    ],
    ids=str,
)
def test_addresses_filter_by_declared_columns_only(
    cast: Cast, admin_client: Client, model: Any, query: Any
) -> None:
    assert admin_client.get(url(model, "changelist"), query).status_code == 400


def test_declared_filters_work(cast: Cast, admin_client: Client) -> None:
    page = url(Enrollment, "changelist")
    found = admin_client.get(page, {"course__id__exact": str(cast.course.pk), "status": "enrolled"})
    assert found.context["cl"].result_count == 3


@pytest.mark.parametrize("who", ["principal", "operator"])
@pytest.mark.parametrize("action", ["deactivate", "activate", "reset_device", "mail_password_link"])
def test_actions_ask_for_the_same_rights_as_forms(
    cast: Cast, mailoutbox: list[Any], who: str, action: str
) -> None:
    client = client_of(cast, getattr(cast, who))
    model = User if action == "mail_password_link" else Student
    row = cast.student.user if model is User else cast.student
    form = {"action": action, "_selected_action": [row.pk]}  # type: ignore[union-attr]
    page = client.post(url(model, "changelist"), form, follow=True)
    with campus_scope(cast.campus):
        active = Student.objects.get(pk=cast.student.pk).is_active
    assert active is not (who == "operator" and action == "deactivate")
    assert mailoutbox == []
    offered = f'value="{action}"' in page.content.decode()
    assert offered is (who == "operator" and model is Student)


def test_operators_cannot_close_an_administrator_who_studies(cast: Cast) -> None:
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        Membership.objects.create(user=cast.student.user, role=Role.ADMIN)
    form = {"action": "deactivate", "_selected_action": [cast.student.pk]}
    client_of(cast, cast.operator).post(url(Student, "changelist"), form)
    with campus_scope(cast.campus):
        roles = Membership.objects.filter(user=cast.student.user, is_active=True)
        assert [role.role for role in roles] == [Role.ADMIN]


def test_activating_brings_back_no_other_role(cast: Cast) -> None:
    client = client_of(cast, cast.operator)
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        Membership.objects.create(user=cast.student.user, role=Role.ADMIN, is_active=False)
    for action in ("deactivate", "activate"):
        form = {"action": action, "_selected_action": [cast.student.pk]}
        client.post(url(Student, "changelist"), form)
    with campus_scope(cast.campus):
        roles = Membership.objects.filter(user=cast.student.user, is_active=True)
        assert [role.role for role in roles] == [Role.STUDENT]
        assert Student.objects.get(pk=cast.student.pk).is_active


def test_super_admins_are_not_changed_by_a_campus(
    cast: Cast, admin_client: Client, mailoutbox: list[Any]
) -> None:
    with campus_scope(cast.campus):
        boss = make_user("boss@platform.example", Role.PRINCIPAL, is_superuser=True, name="Boss")
    page = url(User, "change", boss.pk)
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"name": "X"}).status_code == 403
    form = {"action": "mail_password_link", "_selected_action": [boss.pk]}
    admin_client.post(url(User, "changelist"), form)
    boss.refresh_from_db()
    assert boss.name == "Boss"
    assert mailoutbox == []


def test_nothing_is_deleted_by_the_list(cast: Cast, admin_client: Client) -> None:
    page = url(Building, "changelist")
    with campus_scope(cast.campus):
        building = Building.objects.create(name="Shed")
    assert b"delete_selected" not in admin_client.get(page).content
    form = {"action": "delete_selected", "_selected_action": [building.pk], "post": "yes"}
    admin_client.post(page, form)
    with campus_scope(cast.campus):
        assert Building.objects.filter(name="Shed").exists()


def test_what_has_history_is_not_deleted(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        make_session(cast.course)
    page = url(Course, "delete", cast.course.pk)
    for answer in (admin_client.get(page, follow=True), admin_client.post(page, follow=True)):
        assert b"cannot be deleted: it has" in answer.content
    with campus_scope(cast.campus):
        assert Course.objects.filter(pk=cast.course.pk).exists()


def test_what_has_no_history_is_deleted_and_noted(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        building = Building.objects.create(name="Shed")
    page = url(Building, "delete", building.pk)
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"post": "yes"}).status_code == 302
    with campus_scope(cast.campus):
        assert not Building.objects.filter(name="Shed").exists()
        entry = Entry.objects.get(action="admin.building.deleted")
    assert (entry.target_id, entry.data) == (str(building.pk), {"label": "Shed"})


def test_changes_go_to_the_campus_log_and_not_to_djangos(cast: Cast, admin_client: Client) -> None:
    page = url(User, "change", cast.principal.pk)
    with campus_scope(cast.campus):
        role = Membership.objects.get(user=cast.principal)
    form = {
        "name": "Dean",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 1,
        "memberships-0-id": role.pk,
        "memberships-0-user": cast.principal.pk,
        "memberships-0-role": Role.PRINCIPAL,
    }
    assert admin_client.post(page, form).status_code == 302
    with campus_scope(cast.campus):
        changes = {
            entry.action: entry.data for entry in Entry.objects.filter(action__startswith="admin.")
        }
    assert changes == {
        "admin.user.changed": {"name": ["Principal", "Dean"]},
        "admin.membership.changed": {"is_active": [True, False]},
    }
    assert LogEntry.objects.count() == 0


def test_history_is_the_audit_log_of_the_row(cast: Cast, admin_client: Client) -> None:
    with campus_scope(cast.campus):
        building = Building.objects.get()
    admin_client.post(url(Building, "change", building.pk), {"name": "Renamed"})
    answer = admin_client.get(url(Building, "history", building.pk), follow=True)
    assert answer.context["cl"].result_count == 1
    assert "admin.building.changed" in answer.content.decode()


def test_a_campus_is_changed_in_its_own_log(cast: Cast, other_cast: Cast, root: Client) -> None:
    root.post("/admin/choose-campus/", {"campus": "north"})
    page = url(Campus, "change", other_cast.campus.pk)
    form = {**fields_of(root.get(page)), "name": "South Renamed", "email_domains": ""}
    answer = root.post(page, form)
    assert answer.status_code == 302, answer.context["errors"]
    with campus_scope(cast.campus):
        assert not Entry.objects.filter(action="admin.campus.changed").exists()
    with campus_scope(other_cast.campus):
        entry = Entry.objects.get(action="admin.campus.changed")
    assert entry.data["name"] == ["South Campus", "South Renamed"]


class TestDoors:
    """In and out by the same doors as everywhere."""

    def test_sign_in_is_the_pages_own_and_comes_back(self, cast: Cast) -> None:
        visitor = Client(headers={"host": cast.host})
        target = url(Student, "changelist") + "?q=a&is_active__exact=1"
        answer = visitor.get(target, follow=True)
        assert answer.resolver_match.view_name == "account_login"
        form = {"login": cast.admin.email, "password": "correct horse battery staple"}
        path = answer.request["PATH_INFO"] + "?" + answer.request["QUERY_STRING"]
        assert visitor.post(path, form)["Location"] == target

    def test_signing_out_ends_the_session(self, cast: Cast, admin_client: Client) -> None:
        admin_client.post("/admin/logout/")
        assert admin_client.get("/admin/").status_code == 302

    def test_passwords_are_changed_on_the_pages_own_form(self, admin_client: Client) -> None:
        answer = admin_client.get("/admin/password_change/")
        assert answer["Location"] == "/accounts/password/change/"

    def test_the_browser_may_evaluate_here_and_run_no_inline_script(
        self, admin_client: Client
    ) -> None:
        policy = admin_client.get("/admin/")["Content-Security-Policy"]
        directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert directives["script-src"] == "'self' 'unsafe-eval'"
        assert directives["style-src"] == "'self' 'unsafe-inline'"
        assert directives["frame-ancestors"] == "'none'"


def test_times_are_the_campus_times(cast: Cast, admin_client: Client) -> None:
    """8:00 UTC is 10:00 in Berlin in September."""
    with campus_scope(cast.campus):
        session = make_session(cast.course)
    content = admin_client.get(url(type(session), "change", session.pk)).content.decode()
    assert 'value="10:00:00"' in content
    assert timezone.get_current_timezone_name() == "UTC"


def test_what_a_service_refuses_in_an_action_is_said(
    cast: Cast, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the action does not expect it; what it did before is undone."""

    def refuse(page: Any, request: Any, queryset: Any) -> None:
        queryset.update(name="Half")
        raise Refused("no", "The service says no.")

    page = admin.site._registry[Building]
    monkeypatch.setattr(page, "get_actions", lambda request: {"act": (refuse, "act", "Act")})
    with campus_scope(cast.campus):
        row = Building.objects.get()
    form = {"action": "act", "_selected_action": [row.pk]}
    answer = admin_client.post(url(Building, "changelist"), form, follow=True)
    assert b"The service says no." in answer.content
    with campus_scope(cast.campus):
        assert Building.objects.get() == row
        assert Building.objects.get().name == row.name


def test_no_change_is_taken_as_a_new_row(full: Cast, admin_client: Client) -> None:
    """No page offers that; Django does it for a request that says so."""
    for model, page in admin.site._registry.items():
        if not issubclass(model, CampusModel):
            continue
        with campus_scope(full.campus):
            row = model._default_manager.first()
            before = model._default_manager.count()
        if row is None or page.save_as:
            continue
        answer = admin_client.post(url(model, "change", row.pk), {"_saveasnew": "1"})
        assert answer.status_code == 403, model
        with campus_scope(full.campus):
            # Reading the log is an entry itself.
            assert model._default_manager.count() == before or model is Entry, model
