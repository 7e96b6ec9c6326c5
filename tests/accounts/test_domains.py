"""The campus's e-mail domains bind every way in; exceptions are listed by hand."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import AllowedAddress, Faculty, Invitation, Student, User
from apps.accounts.services import faculty_create, member_add, student_create
from apps.accounts.services.invitations import invitations_answer
from apps.audit.services import SYSTEM
from apps.common.errors import Invalid, Refused
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.accounts.support import signed_in
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.imports.support import do_import, reasons

pytestmark = pytest.mark.django_db

OUTSIDE = "new@else.example"
REASON = "Addresses of this campus end in: @north.example."
NEW = {"code": "N900", "first_name": "Ada", "email": OUTSIDE}


@pytest.fixture
def api(cast: Cast) -> APIClient:
    return signed_in(cast.host, cast.admin.email)


def by_api(cast: Cast, path: str) -> str:
    answer = signed_in(cast.host, cast.admin.email).post(f"/api/v1/{path}", NEW)
    return "" if answer.status_code == 201 else answer.json()["errors"][0]["detail"]


def by_admin(cast: Cast, model: type[Any], **more: Any) -> str:
    answer = client_of(cast, cast.admin).post(url(model, "add"), {**NEW, **more})
    if answer.status_code == 302:
        return ""
    return str(answer.context["adminform"].form.errors["email"][0])


def by_import(cast: Cast, kind: str) -> str:
    report = do_import(cast, kind, [["id", "name", "email"], ["N900", "Ada", OUTSIDE]])
    return reasons(report)[0][1] if report.problems else ""


def by_service(cast: Cast, create: Any, now: Any) -> str:
    try:
        with campus_scope(cast.campus):
            create(**NEW, now=now, actor=SYSTEM)
    except Invalid as refusal:
        return refusal.message
    return ""


WAYS = {
    "students by API": lambda cast, now: by_api(cast, "students"),
    "faculty by API": lambda cast, now: by_api(cast, "faculty"),
    "students by page": lambda cast, now: by_admin(cast, Student),
    "faculty by page": lambda cast, now: by_admin(cast, Faculty),
    "accounts by page": lambda cast, now: by_admin(cast, User, name="Ada", roles=["principal"]),
    "students by import": lambda cast, now: by_import(cast, "students"),
    "faculty by import": lambda cast, now: by_import(cast, "faculty"),
    "student_create": lambda cast, now: by_service(cast, student_create, now),
    "faculty_create": lambda cast, now: by_service(cast, faculty_create, now),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_address_outside_is_refused(cast: Cast, now: Any, way: str) -> None:
    assert WAYS[way](cast, now) == REASON
    assert not User.objects.filter(email=OUTSIDE).exists()


@pytest.mark.parametrize("way", WAYS)
def test_an_address_of_the_list_is_let_in(cast: Cast, now: Any, way: str) -> None:
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email=OUTSIDE, note="Visiting.")
    assert WAYS[way](cast, now) == ""
    assert User.objects.filter(email=OUTSIDE).exists()


@pytest.mark.parametrize("way", WAYS)
def test_without_domains_every_address_is_let_in(cast: Cast, now: Any, way: str) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=[])
    assert WAYS[way](cast, now) == ""


@pytest.mark.parametrize("way", WAYS)
def test_the_list_of_another_campus_opens_nothing_here(
    cast: Cast, other_cast: Cast, now: Any, way: str
) -> None:
    with campus_scope(other_cast.campus):
        AllowedAddress.objects.create(email=OUTSIDE, note="Visiting.")
    assert WAYS[way](cast, now) == REASON


def test_an_account_elsewhere_is_not_even_invited(cast: Cast, other_cast: Cast, now: Any) -> None:
    with campus_scope(cast.campus):
        with pytest.raises(Invalid):
            member_add(
                email=other_cast.admin.email, name="X", roles=["admin"], now=now, actor=SYSTEM
            )
        assert not Invitation.objects.exists()


def test_an_invitation_cannot_be_accepted_after_the_domains_have_closed(
    cast: Cast, other_cast: Cast, now: Any
) -> None:
    email = other_cast.admin.email
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=[])
    with campus_scope(cast.campus):
        member_add(email=email, name="X", roles=["admin"], now=now, actor=SYSTEM)
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=["north.example"])
    with pytest.raises(Refused) as refusal:
        invitations_answer(
            email=email,
            campus_id=cast.campus.pk,
            accept=True,
            now=now,
        )
    assert refusal.value.code == "address_not_allowed"


@pytest.mark.parametrize("kind", ["page", "import"])
def test_a_changed_address_is_held_to_it_and_a_kept_one_is_not(cast: Cast, kind: str) -> None:
    """Who was there before the domains were set is still there, and can still be edited."""
    with campus_scope(cast.campus):
        Student.objects.filter(pk=cast.student.pk).update(email="old@else.example")
    client = client_of(cast, cast.admin)
    page = url(Student, "change", cast.student.pk)
    for email, allowed in (("old@else.example", True), (OUTSIDE, False)):
        if kind == "import":
            row = [["id", "phone", "email"], [cast.student.code, "+4915112345678", email]]
            assert (not do_import(cast, "students", row).problems) is allowed
        else:
            form = {**fields_of(client.get(page)), "first_name": "Changed", "email": email}
            assert (client.post(page, form).status_code == 302) is allowed


def test_the_list_is_kept_by_administrators(cast: Cast) -> None:
    form = {"email": "Guest@Else.example", "note": "Visiting lecturer."}
    for who, status in (("operator", 403), ("principal", 403), ("admin", 302)):
        client = client_of(cast, getattr(cast, who))
        assert client.post(url(AllowedAddress, "add"), form).status_code == status
    with campus_scope(cast.campus):
        assert AllowedAddress.objects.get().email == "guest@else.example"


def root_page(cast: Cast) -> tuple[Any, str, dict[str, Any]]:
    client = client_of(cast, User.objects.create_superuser("root@platform.example", "x"))
    page = url(Campus, "change", cast.campus.pk)
    return client, page, fields_of(client.get(page))


@pytest.mark.parametrize("domain", ["north", "x@y.example", '["north.example"]', "a..b"])
def test_what_is_no_domain_is_said_at_its_field(cast: Cast, domain: str) -> None:
    client, page, form = root_page(cast)
    answer = client.post(page, {**form, "email_domains": ["ok.example", domain]})
    (said,) = answer.context["adminform"].form.errors["email_domains"]
    assert said.endswith(domain)
    assert b'value="ok.example"' in answer.content


def test_domains_are_typed_one_by_one_or_pasted(cast: Cast) -> None:
    client, page, form = root_page(cast)
    typed = ["@North.example", "", "a.example, b.example\nnorth.example"]
    assert client.post(page, {**form, "email_domains": typed}).status_code == 302
    cast.campus.refresh_from_db()
    assert cast.campus.email_domains == ["north.example", "a.example", "b.example"]
    content = client.get(page).content.decode()
    assert content.count('name="email_domains"') == 5
    assert "[" not in "".join(form["email_domains"])


def test_more_domains_than_fit_are_refused(cast: Cast) -> None:
    client, page, form = root_page(cast)
    many = " ".join(f"d{number}.north.example" for number in range(150))
    answer = client.post(page, {**form, "email_domains": [many]})
    (said,) = answer.context["adminform"].form.errors["email_domains"]
    assert "2000" in said


def test_a_kept_time_zone_stays_also_where_it_is_an_old_name(cast: Cast) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(time_zone="EST")
    client, page, form = root_page(cast)
    assert client.post(page, {**form, "time_zone": "EST"}).status_code == 302
    assert client.post(page, {**form, "time_zone": "UTC"}).status_code == 302
    assert client.post(page, {**form, "time_zone": "EST"}).status_code == 200


def test_the_campus_is_changed_by_named_fields(cast: Cast) -> None:
    client, page, form = root_page(cast)
    assert client.post(page, {**form, "time_zone": "Asia/Kolkata"}).status_code == 302
    cast.campus.refresh_from_db()
    assert cast.campus.time_zone == "Asia/Kolkata"
    answer = client.post(page, {**form, "time_zone": "Moon/Far"})
    assert "time_zone" in answer.context["adminform"].form.errors
