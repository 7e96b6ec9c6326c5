"""No page of the administration reads the account itself, for no reader, whatever they may edit.

A page that cannot be edited is filled from the row, not from the form: for an account, from what
belongs to its owner.
"""

import pytest
from django.contrib import admin
from django.test import Client

from apps.accounts.models import Faculty, Member, Membership, Role, Student, User
from apps.accounts.writes import Writer
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast, make_user
from tests.imports.support import do_import, reasons

pytestmark = pytest.mark.django_db

OWN = ("Prof. Real Name", "moved@elsewhere.example", "xx-own", "Name-at-South")
MODELS = [model for model in admin.site._registry if model._meta.app_label == "accounts"]


@pytest.fixture
def shared(cast: Cast, other_cast: Cast) -> User:
    """An account of both campuses, as a student, lecturer and administrator of this one."""
    with campus_scope(other_cast.campus):
        user = make_user("shared@south.example", Role.PRINCIPAL, name="Name-at-South")
    with campus_scope(cast.campus):
        for role in (Role.STUDENT, Role.FACULTY, Role.ADMIN):
            Membership.objects.create(user=user, role=role)
        Member.objects.filter(user=user).update(name="Name-at-North")
        for person in (Student, Faculty):
            person.objects.create(user=user, code="SH1", first_name="N", email=user.email)
    with signed_act("accounts_user"):
        User.objects.filter(pk=user.pk).update(name=OWN[0], email=OWN[1], language=OWN[2])
    return user


def pages_of(user: User) -> list[str]:
    """The lists of accounts and people, and the pages of every row that leads to this account."""
    found = []
    for model in MODELS:
        found.append(url(model, "changelist"))
        names = [field.name for field in model._meta.fields if field.related_model is User]
        if model is User:
            found.append(url(User, "change", user.pk))
        for name in names:
            rows = model._default_manager.filter(**{name: user})
            found += [url(model, "change", row.pk) for row in rows]
    return found


def assert_nothing_is_read(client: Client, pages: list[str]) -> None:
    shown = {page: client.get(page).content.decode() for page in pages}
    assert [(page, text) for page in pages for text in OWN if text in shown[page]] == []


@pytest.mark.parametrize("who", ["admin", "operator", "principal"])
def test_the_office_reads_of_an_account_what_the_campus_wrote(
    cast: Cast, shared: User, who: str
) -> None:
    client = client_of(cast, getattr(cast, who))
    with campus_scope(cast.campus):
        pages = pages_of(shared)
    assert_nothing_is_read(client, pages)
    assert "Name-at-North" in client.get(url(User, "change", shared.pk)).content.decode()


def test_an_administrator_reads_nothing_more_of_a_platform_administrator(
    cast: Cast, shared: User
) -> None:
    """Whose page a campus cannot edit."""
    with signed_act("accounts_user"):
        User.objects.filter(pk=shared.pk).update(is_superuser=True)
    with campus_scope(cast.campus):
        pages = pages_of(shared)
    assert_nothing_is_read(client_of(cast, cast.admin), pages)


# --- The name that an account goes by ---------------------------------------------------------

WHOLE, PARTS = ("id", "name", "year"), ("id", "first name", "last name", "year")


def shown(cast: Cast, user: User | None) -> str:
    assert user is not None
    with campus_scope(cast.campus):
        return str(User.objects.get(pk=user.pk))


def imported(cast: Cast, who: User, heads: tuple[str, ...], *cells: str) -> list[str]:
    """What is wrong with this row of the student whom the tests know."""
    report = do_import(cast, "students", [[*heads], ["STUD", *cells]], writer=Writer(who))
    return [reason for _row, reason in reasons(report)]


@pytest.fixture
def assistant(cast: Cast) -> Student:
    """A student who also administers the campus, and goes by the name of the student's entry."""
    with campus_scope(cast.campus):
        assert cast.student.user is not None
        Membership.objects.create(user=cast.student.user, role=Role.ADMIN)
    return cast.student


def test_an_operator_renames_no_administrator_on_the_page_of_the_student(
    cast: Cast, assistant: Student
) -> None:
    before = shown(cast, assistant.user)
    page, new = url(Student, "change", assistant.pk), {"first_name": "Dr.", "last_name": "Evil"}
    client = client_of(cast, cast.operator)
    form = {**fields_of(client.get(page)), **new, "program": "Physics"}
    assert client.post(page, form).status_code == 302
    assert shown(cast, assistant.user) == before
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=assistant.pk).program == "Physics"
    client = client_of(cast, cast.admin)
    assert client.post(page, {**fields_of(client.get(page)), **new}).status_code == 302
    assert shown(cast, assistant.user) == "Dr. Evil"


@pytest.mark.parametrize(
    ("heads", "cells"),
    [(WHOLE, ("Dr. Evil", "E3")), (PARTS, ("", "Evil", "E3")), (PARTS, ("Student STUD", "", "E3"))],
)
def test_an_operator_renames_no_administrator_by_a_file(
    cast: Cast, assistant: Student, heads: tuple[str, ...], cells: tuple[str, ...]
) -> None:
    before = shown(cast, assistant.user)
    (reason,) = imported(cast, cast.operator, heads, *cells)
    assert "other roles here" in reason
    assert shown(cast, assistant.user) == before
    assert imported(cast, cast.admin, heads, *cells) == []
    assert shown(cast, assistant.user) != before


def test_an_operator_gives_an_administrator_no_address_by_a_file(
    cast: Cast, assistant: Student
) -> None:
    """Who proves the address at an identity provider might come in as the administrator."""
    heads, cells = ("id", "email", "year"), ("oper@north.example", "E3")
    (reason,) = imported(cast, cast.operator, heads, *cells)
    assert "other roles here" in reason
    assert imported(cast, cast.operator, heads, assistant.email, "E3") == []
    assert imported(cast, cast.admin, heads, *cells) == []
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=assistant.pk).email == "oper@north.example"


def test_an_operator_imports_a_file_that_names_them_as_before(
    cast: Cast, assistant: Student
) -> None:
    assert imported(cast, cast.operator, WHOLE, "Student STUD", "E3") == []
    assert imported(cast, cast.operator, PARTS, "Student", "STUD", "E3") == []
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=assistant.pk).year_of_study == 3


def test_an_operator_renames_students(cast: Cast) -> None:
    assert imported(cast, cast.operator, WHOLE, "New Name", "E3") == []
    assert shown(cast, cast.student.user) == "New Name"
