"""Who gets in, through which door, and what the others are told."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User
from apps.audit.models import Entry
from apps.tenants.scope import campus_scope
from tests.accounts.support import LOGIN, ME, at, code_of, login, signed_in, tokens
from tests.factories import PASSWORD, Cast, make_user

WRONG = "not the password at all"


def test_phone_signs_in_and_learns_who_it_is(api: APIClient, cast: Cast) -> None:
    me = signed_in(cast.host, cast.student.email).get(ME)
    assert me.status_code == 200
    assert me.json()["roles"] == ["student"]
    assert me.json()["student"]["code"] == "STUD"
    assert me.json()["faculty"] is None
    assert me.json()["campus"]["slug"] == "north"


def test_browser_signs_in_on_the_page(cast: Cast) -> None:
    browser = Client(headers={"host": cast.host})
    page = browser.get("/accounts/login/")
    assert page.status_code == 200
    answer = browser.post("/accounts/login/", {"login": cast.lecturer.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert browser.get(ME).json()["roles"] == ["faculty"]


def test_e_mail_is_read_in_any_case(api: APIClient, cast: Cast) -> None:
    assert login(api, cast.student.email.upper()).status_code == 200


def test_refusals_are_the_same_for_everybody(api: APIClient, cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        closed = make_user("closed@north.example", "student", is_active=False)
        without_role = make_user("nobody@north.example")
    answers = {
        email: login(api, email, password)
        for email, password in [
            (cast.student.email, WRONG),
            ("unknown@north.example", PASSWORD),
            (other_cast.student.email, PASSWORD),
            (closed.email, PASSWORD),
            (without_role.email, PASSWORD),
        ]
    }
    assert {answer.status_code for answer in answers.values()} == {400}
    assert len({answer.content for answer in answers.values()}) == 1


def test_super_admin_enters_every_campus(cast: Cast, other_cast: Cast) -> None:
    User.objects.create_superuser("root@platform.example", PASSWORD)
    for host in (cast.host, other_cast.host):
        assert signed_in(host, "root@platform.example").get(ME).status_code == 200


def test_only_a_successful_sign_in_counts_as_the_last(api: APIClient, cast: Cast) -> None:
    login(api, cast.student.email, WRONG)
    assert User.objects.get(pk=cast.student.user_id).last_login is None
    login(api, cast.student.email)
    assert User.objects.get(pk=cast.student.user_id).last_login is not None


def test_sign_in_is_in_the_audit_log(api: APIClient, cast: Cast) -> None:
    login(api, cast.student.email, WRONG)
    login(api, cast.student.email, headers={"user-agent": "CampusApp/1"})
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="accounts.signed_in")
    assert entry.actor_id == f"user:{cast.student.user_id}"
    assert (entry.address, entry.user_agent) == ("127.0.0.1", "CampusApp/1")


def test_nobody_signs_up(api: APIClient, cast: Cast) -> None:
    body = {"email": "new@north.example", "password": PASSWORD}
    assert api.post("/_allauth/app/v1/auth/signup", body).status_code == 403
    api.post("/accounts/signup/", {"email": "n@north.example", "password1": PASSWORD}, "multipart")
    assert not User.objects.filter(email__in=["new@north.example", "n@north.example"]).exists()


def test_closed_sign_up_tells_nobody_who_has_an_account(api: APIClient, cast: Cast) -> None:
    answers = set()
    for email in (cast.student.email, "unknown@north.example"):
        answer = api.post("/_allauth/app/v1/auth/signup", {"email": email, "password": PASSWORD})
        body = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
        page = Client(headers={"host": cast.host}).post("/accounts/signup/", body)
        answers.add((answer.status_code, answer.content, page.status_code, len(page.content)))
    assert len(answers) == 1


@pytest.mark.parametrize("path", ["/accounts/email/", "/_allauth/app/v1/account/email"])
def test_nobody_changes_their_own_e_mail_address(cast: Cast, path: str) -> None:
    client = signed_in(cast.host, cast.student.email)
    assert client.post(path, {"email": "other@north.example"}).status_code == 404


def test_host_of_no_campus_uses_the_named_campus(cast: Cast, other_cast: Cast) -> None:
    nowhere = at("phones.example")
    assert code_of(nowhere.post(LOGIN, {})) == "unknown_campus"
    named = at("phones.example", **{"X-Campus": "north"})
    access = tokens(named, cast.student.email)["access_token"]
    assert login(at("phones.example", **{"X-Campus": "nope"}), "x@y.z").status_code == 404
    # From here on the token itself says which campus it is for.
    me = at("phones.example", Authorization=f"Bearer {access}").get(ME)
    assert me.json()["campus"]["slug"] == "north"


def test_a_domain_decides_before_the_header(cast: Cast, other_cast: Cast) -> None:
    client = at(cast.host, **{"X-Campus": "south"})
    assert login(client, other_cast.student.email).status_code == 400
    assert login(client, cast.student.email).status_code == 200


def test_losing_the_last_role_closes_the_api_at_once(cast: Cast) -> None:
    client = signed_in(cast.host, cast.admin.email)
    with campus_scope(cast.campus):
        Membership.objects.filter(user=cast.admin).update(is_active=False)
    answer = client.get(ME)
    assert (answer.status_code, code_of(answer)) == (403, "no_role_here")


@pytest.mark.parametrize("way", ["login", "logout"])
@pytest.mark.parametrize(
    "following",
    [
        "https://south.example/",
        "https://sub.campus.example/",
        "https://trusted.example/",
        "http://north.example/week/",
        "//south.example/",
        "/\\south.example",
        "https://evil.example/",
    ],
)
def test_signing_in_or_out_leads_to_no_other_host(
    cast: Cast, settings: Any, way: str, following: str
) -> None:
    """Not to another campus of the installation either, and not from HTTPS to HTTP."""
    settings.ALLOWED_HOSTS = ["north.example", "south.example", ".campus.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    client = Client(headers={"host": cast.host})
    if way == "logout":
        client.force_login(cast.student.user)
    form = {"login": cast.student.email, "password": PASSWORD, "next": following}
    answer = client.post(f"/accounts/{way}/", form, secure=True)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_signing_in_leads_on_within_the_host(cast: Cast) -> None:
    for following in ("/week/", "https://north.example/week/"):
        form = {"login": cast.student.email, "password": PASSWORD, "next": following}
        client = Client(headers={"host": cast.host})
        answer = client.post("/accounts/login/", form, secure=True)
        assert answer.headers["Location"] == following
