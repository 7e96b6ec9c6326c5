"""One table of who may write which field of a person: every way in is held against it."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory

from apps.accounts.api.people_serializers import FacultyInput, StudentInput
from apps.accounts.models import Faculty, Person, Role, Student, User
from apps.accounts.permissions import model_permission
from apps.accounts.writes import (
    FACULTY,
    MEMBER,
    PLATFORM,
    STUDENT,
    WRITES,
    Writer,
    refuse_fields,
)
from apps.common.errors import Forbidden
from apps.import_types.registry import IMPORT_TYPES
from apps.tenants.scope import campus_scope
from tests.accounts.support import code_of, signed_in
from tests.admin.support import client_of, url
from tests.factories import Cast

pytestmark = pytest.mark.django_db

ROLES = ("admin", "operator", "principal", "lecturer", "student", "nobody")
PEOPLE: list[tuple[str, type[Person]]] = [(STUDENT, Student), (FACULTY, Faculty)]
# What every page of the administration has beside fields of the model.
DISPLAYED = {"shown_email", "signed_in_here", "roles"}


def account(cast: Cast, role: str) -> User | None:
    if role == "nobody":
        return None
    found: Any = getattr(cast, role)
    return found if isinstance(found, User) else found.user


def fields_by_api() -> dict[str, set[str]]:
    return {
        STUDENT: set(StudentInput().fields),
        FACULTY: set(FacultyInput().fields),
    }


def fields_by_admin(model: type[Any], *, adding: bool, user: User) -> set[str]:
    """What this person could really change on the page."""
    page = admin.site._registry[model]
    request = RequestFactory().get("/")
    request.user = user
    row = None if adding else model._default_manager.order_by("pk").first()
    shown = set(page.get_form(request, row).base_fields)
    return shown - set(page.get_readonly_fields(request, row))


def fields_by_import() -> dict[str, set[str]]:
    """Model → fields that some kind of import writes."""
    found: dict[str, set[str]] = {}
    for kind in IMPORT_TYPES.values():
        if kind.person:
            names = {dict(kind.columns).get(field.name, field.name) for field in kind.fields}
            found.setdefault(kind.person, set()).update(names - {""})
    return found


def test_every_field_that_the_api_or_an_import_writes_is_in_the_table() -> None:
    for ways in (fields_by_api(), fields_by_import()):
        assert set(ways) == {STUDENT, FACULTY}
        assert {model: names - set(WRITES[model]) for model, names in ways.items()} == {
            STUDENT: set(),
            FACULTY: set(),
        }


def test_every_editable_page_of_people_is_in_the_table(cast: Cast) -> None:
    """A new model of this app, or a new field of one, needs its line there."""
    missing = []
    with campus_scope(cast.campus):
        for model, page in admin.site._registry.items():
            label = "accounts.member" if model is User else model._meta.label_lower
            request = RequestFactory().get("/")
            request.user = cast.admin
            if model._meta.app_label != "accounts" or not page.has_add_permission(request):
                continue
            for adding in (True, False):
                if adding or model._default_manager.exists():
                    names = fields_by_admin(model, adding=adding, user=cast.admin) - DISPLAYED
                    missing += [
                        f"{label}.{name}" for name in names if name not in WRITES.get(label, {})
                    ]
    assert missing == []


@pytest.mark.parametrize("adding", [True, False])
@pytest.mark.parametrize("role", ["admin", "operator"])
@pytest.mark.parametrize(("label", "model"), PEOPLE)
def test_the_administration_lets_nobody_write_more(
    cast: Cast, label: str, model: type[Person], role: str, adding: bool
) -> None:
    user = account(cast, role)
    assert user is not None
    with campus_scope(cast.campus):
        page = admin.site._registry[model]
        request = RequestFactory().get("/")
        request.user = user
        may = page.has_add_permission(request) if adding else page.has_change_permission(request)
        offered = fields_by_admin(model, adding=adding, user=user) if may else set()
        allowed = Writer(user).fields(label, adding=adding)
        # State and login are changed by actions.
        assert offered == allowed - {"is_active", "user"}


@pytest.mark.parametrize("role", ROLES)
def test_the_table_and_the_permissions_of_models_say_the_same(cast: Cast, role: str) -> None:
    user = account(cast, role)
    with campus_scope(cast.campus):
        for label in WRITES:
            app, model = label.split(".")
            for action, adding in (("add", True), ("change", False)):
                fields = Writer(user).fields(label, adding=adding)
                granted = user is not None and model_permission(user, f"{app}.{action}_{model}")
                assert bool(fields) == granted, (label, action)


def test_super_admins_and_commands_write_everything(cast: Cast) -> None:
    root = User.objects.create_superuser("root@platform.example", "x")
    with campus_scope(cast.campus):
        for writer in (PLATFORM, Writer(root)):
            assert writer.fields(FACULTY, adding=True) == set(WRITES[FACULTY])
        root.is_active = False
        assert Writer(root).fields(FACULTY, adding=True) == frozenset()


def test_a_field_outside_the_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        PLATFORM.may(STUDENT, "password", adding=False)


def test_refusals_name_the_fields(cast: Cast) -> None:
    with campus_scope(cast.campus), pytest.raises(Forbidden) as refusal:
        refuse_fields(Writer(cast.operator), FACULTY, ["code", "email"], adding=True)
    assert refusal.value.extra["fields"] == ["code", "email"]


@pytest.mark.parametrize("role", ["lecturer", "student", "principal", "operator"])
def test_the_api_refuses_what_the_table_does(cast: Cast, role: str) -> None:
    user = account(cast, role)
    assert user is not None
    client = signed_in(cast.host, user.email)
    for path, label in (("students", STUDENT), ("faculty", FACULTY)):
        with campus_scope(cast.campus):
            may = Writer(user).may(label, "code", adding=True)
        answer = client.post(f"/api/v1/{path}", {})
        assert answer.status_code == (400 if may else 403)
        if not may:
            assert code_of(answer) == "role_required"


def test_the_state_of_a_student_is_the_office_s_by_api_and_page_alike(cast: Cast) -> None:
    client = signed_in(cast.host, cast.operator.email)
    assert client.delete(f"/api/v1/students/{cast.student.pk}").status_code == 204
    assert client.delete(f"/api/v1/faculty/{cast.lecturer.pk}").status_code == 403
    form = {"action": "deactivate", "_selected_action": [cast.lecturer.pk]}
    client_of(cast, cast.operator).post(url(Faculty, "changelist"), form)
    with campus_scope(cast.campus):
        assert not Student.objects.get(pk=cast.student.pk).is_active
        assert Faculty.objects.get(pk=cast.lecturer.pk).is_active


def test_an_address_is_not_changed_where_accounts_are_shown(cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert not Writer(cast.admin).may(MEMBER, "email", adding=False)
        assert Writer(cast.admin).may(MEMBER, "email", adding=True)
        assert Role.ADMIN in WRITES[MEMBER]["email"].add
