"""Passkeys: added on the page and by the API, signing in, and where they are good."""

import json
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.db import ProgrammingError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.audit.models import Entry
from apps.notifications.models import Message
from apps.signin.passkeys import MOST
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, at, login
from tests.authenticator import SoftPasskey
from tests.factories import PASSWORD, Cast
from tests.signin.test_around_the_factor import session_token
from tests.signin.test_mfa import code

ADD = "/accounts/2fa/webauthn/add/"
LIST = "/accounts/2fa/webauthn/"
SIGN_IN = "/accounts/2fa/webauthn/login/"
KEYS = "/_allauth/app/v1/account/authenticators/webauthn"
APP_SIGN_IN = "/_allauth/app/v1/auth/webauthn/login"
JSON = {"accept": "application/json", "x-requested-with": "XMLHttpRequest"}


def browser_of(cast: Cast, user: Any, host: str = "") -> Client:
    browser = Client(headers={"host": host or cast.host})
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


def options_in(page: Any) -> dict[str, Any]:
    text = page.content.decode().split('id="passkey-options" type="application/json">')[1]
    options: dict[str, Any] = json.loads(text.split("</script>")[0])
    return options


def add(browser: Client, passkey: SoftPasskey, name: str = "My phone") -> Any:
    options = options_in(browser.get(ADD))["creation_options"]
    answer = passkey.registration(options)
    return browser.post(ADD, {"name": name, "credential": json.dumps(answer)})


def sign_in(host: str, passkey: SoftPasskey) -> tuple[Client, Any]:
    browser = Client(headers={"host": host})
    options = browser.get(SIGN_IN, headers=JSON).json()["request_options"]
    answer = browser.post(SIGN_IN, {"credential": json.dumps(passkey.answer(options))})
    return browser, answer


@pytest.fixture
def user(cast: Cast) -> User:
    assert cast.student.user is not None
    return cast.student.user


@pytest.fixture
def passkey(cast: Cast, user: User) -> SoftPasskey:
    made = SoftPasskey(cast.host)
    assert add(browser_of(cast, user), made).status_code == 302
    return made


def test_a_passkey_is_added_and_signs_in_without_a_password(
    cast: Cast, user: User, passkey: SoftPasskey
) -> None:
    row = Authenticator.objects.get(user=user)
    assert (row.data["name"], row.data["rp_id"], row.data["synced"]) == (
        "My phone",
        cast.host,
        False,
    )
    browser, answer = sign_in(cast.host, passkey)
    assert answer.status_code == 302
    assert browser.get(ME).json()["user"]["email"] == user.email


def test_adding_is_noted_and_told(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    with campus_scope(cast.campus):
        event = Entry.objects.get(action="accounts.second_factor.added")
        assert event.data["rp_id"] == cast.host
        assert Message.objects.filter(kind="account_security").count() == 1


def test_what_the_device_did_not_check_is_not_added(cast: Cast, user: User) -> None:
    answer = add(browser_of(cast, user), SoftPasskey(cast.host, verifies=False))
    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_what_the_device_did_not_check_does_not_sign_in(cast: Cast, passkey: SoftPasskey) -> None:
    passkey.verifies = False
    browser, _answer = sign_in(cast.host, passkey)
    assert browser.get(ME).status_code == 401


def signed_in(cast: Cast, user: Any) -> Client:
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return browser


def test_a_fresh_sign_in_adds_one_with_one_tap(cast: Cast, user: User) -> None:
    passkey = SoftPasskey(cast.host)
    assert add(signed_in(cast, user), passkey)["Location"] == LIST
    assert Authenticator.objects.filter(user=user).count() == 1
    browser, _answer = sign_in(cast.host, passkey)
    assert add(browser, SoftPasskey(cast.host), "Another")["Location"] == LIST
    assert Authenticator.objects.filter(user=user).count() == 2


@pytest.mark.parametrize(("seconds", "asked"), [(290, False), (310, True)])
def test_later_adding_asks_for_the_password(
    cast: Cast, user: User, monkeypatch: pytest.MonkeyPatch, seconds: int, asked: bool
) -> None:
    browser = signed_in(cast, user)
    moment = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: moment)
    answer = browser.get(ADD)
    assert answer.get("Location", "").startswith("/accounts/reauthenticate/") is asked
    browser.post(ADD, {"name": "", "credential": "{}"})
    assert not Authenticator.objects.exists()


def test_a_fresh_sign_in_removes_none(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    row = Authenticator.objects.get()
    browser = signed_in(cast, user)
    answer = browser.post(reverse("mfa_remove_webauthn", args=[row.pk]))
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    phone = at(cast.host, **{"X-Session-Token": session_token(cast, user)})
    assert phone.delete(KEYS, {"authenticators": [row.pk]}).status_code == 401
    assert Authenticator.objects.filter(pk=row.pk).exists()


def test_a_fresh_sign_in_of_a_phone_adds_one(cast: Cast, user: User) -> None:
    phone = at(cast.host, **{"X-Session-Token": session_token(cast, user)})
    options = phone.get(KEYS).json()["data"]["creation_options"]
    answer = SoftPasskey(cast.host).registration(options)
    body = {"name": "Phone", "credential": answer}
    assert phone.post(KEYS, body).status_code == 200
    assert Authenticator.objects.filter(user=user).count() == 1


def test_adding_asks_for_the_password_again(cast: Cast, user: User) -> None:
    browser = Client(headers={"host": cast.host})
    browser.force_login(user)
    assert browser.get(ADD)["Location"].startswith("/accounts/reauthenticate/")


def test_a_passkey_alone_asks_nothing_after_the_password(
    cast: Cast, user: User, passkey: SoftPasskey
) -> None:
    """Else one tap and a lost phone would shut its owner out, and other hosts would at once."""
    assert login(at(cast.host), user.email).status_code == 200
    assert not Authenticator.objects.filter(type="recovery_codes").exists()


def test_a_passkey_answers_for_the_code(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
        RecoveryCodes.activate(user)
    browser = Client(headers={"host": cast.host})
    first = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    page = browser.get(first["Location"])
    answer = passkey.answer(options_in(page)["request_options"])
    browser.post("/accounts/2fa/authenticate/", {"credential": json.dumps(answer)})
    assert browser.get(ME).status_code == 200
    assert sign_in(cast.host, passkey)[0].get(ME).status_code == 200
    other = Client(headers={"host": cast.host})
    other.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    other.post("/accounts/2fa/authenticate/", {"code": code()})
    assert other.get(ME).status_code == 200


def test_a_passkey_of_one_host_opens_no_other(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    Domain.objects.create(campus=cast.campus, host="second.example")
    assert sign_in("second.example", passkey)[0].get(ME).status_code == 401
    made_for_it = SoftPasskey("second.example")
    add(browser_of(cast, user, "second.example"), made_for_it)
    assert sign_in("second.example", made_for_it)[0].get(ME).status_code == 200
    page = browser_of(cast, user).get(LIST).content.decode()
    assert cast.host in page
    assert "second.example" in page


def elsewhere(passkey: SoftPasskey, host: str) -> None:
    """What a browser would never do, and a program with the same key can: answer another host."""
    passkey.rp_id = host


def test_a_key_of_one_host_does_not_sign_in_at_another(
    cast: Cast, user: User, passkey: SoftPasskey
) -> None:
    Domain.objects.create(campus=cast.campus, host="second.example")
    elsewhere(passkey, "second.example")
    assert sign_in("second.example", passkey)[0].get(ME).status_code == 401
    begun = at("second.example").get(APP_SIGN_IN).json()
    half = at("second.example", **{"X-Session-Token": begun["meta"]["session_token"]})
    answer = passkey.answer(begun["data"]["request_options"])
    assert half.post(APP_SIGN_IN, {"credential": answer}).status_code == 400


def test_a_key_of_one_host_answers_for_no_code_and_no_password_at_another(
    cast: Cast, user: User, passkey: SoftPasskey
) -> None:
    Domain.objects.create(campus=cast.campus, host="second.example")
    own = SoftPasskey("second.example")
    assert add(browser_of(cast, user, "second.example"), own).status_code == 302
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    elsewhere(passkey, "second.example")

    def code_page() -> tuple[Client, dict[str, Any]]:
        browser = Client(headers={"host": "second.example"})
        first = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        return browser, options_in(browser.get(first["Location"]))["request_options"]

    for key, status in ((passkey, 401), (own, 200)):
        browser, options = code_page()
        sent = {"credential": json.dumps(key.answer(options))}
        browser.post("/accounts/2fa/authenticate/", sent)
        assert browser.get(ME).status_code == status
    again = "/_allauth/app/v1/auth/webauthn/reauthenticate"
    begun = at("second.example").get(APP_SIGN_IN).json()
    half = at("second.example", **{"X-Session-Token": begun["meta"]["session_token"]})
    done = half.post(APP_SIGN_IN, {"credential": own.answer(begun["data"]["request_options"])})
    phone = at("second.example", **{"X-Session-Token": done.json()["meta"]["session_token"]})
    options = phone.get(again).json()["data"]["request_options"]
    assert phone.post(again, {"credential": passkey.answer(options)}).status_code == 400
    options = phone.get(again).json()["data"]["request_options"]
    assert phone.post(again, {"credential": own.answer(options)}).status_code == 200


def test_a_passkey_opens_no_campus_without_a_role(
    cast: Cast, other_cast: Cast, user: User, passkey: SoftPasskey
) -> None:
    with signed_act("tenants_domain"):
        Domain.objects.filter(host=cast.host).update(campus=other_cast.campus)
    cache.clear()
    browser, answer = sign_in(cast.host, passkey)
    assert answer.status_code in (403, 404, 302)
    assert browser.get(ME).status_code != 200


def test_signing_in_goes_on_where_it_began(cast: Cast, passkey: SoftPasskey) -> None:
    browser = Client(headers={"host": cast.host})
    options = browser.get(SIGN_IN, headers=JSON).json()["request_options"]
    body = {"credential": json.dumps(passkey.answer(options)), "next": "/leave/"}
    assert browser.post(SIGN_IN, body)["Location"] == "/leave/"


def test_an_answer_is_good_once(cast: Cast, passkey: SoftPasskey) -> None:
    browser = Client(headers={"host": cast.host})
    options = browser.get(SIGN_IN, headers=JSON).json()["request_options"]
    body = {"credential": json.dumps(passkey.answer(options))}
    browser.post(SIGN_IN, body)
    browser.post("/accounts/logout/")
    browser.post(SIGN_IN, body)
    assert browser.get(ME).status_code == 401


def test_passkeys_are_renamed_and_removed(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    browser, row = browser_of(cast, user), Authenticator.objects.get(user=user)
    assert browser.post(f"{LIST}keys/{row.pk}/edit/", {"name": "Old phone"}).status_code == 302
    row.refresh_from_db()
    assert row.data["name"] == "Old phone"
    assert browser.post(f"{LIST}keys/{row.pk}/edit/", {"name": "x" * 101}).status_code == 200
    browser.post(f"{LIST}keys/{row.pk}/remove/")
    assert not Authenticator.objects.exists()
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="accounts.second_factor.removed").exists()
        assert Message.objects.filter(kind="account_security").count() == 2
    assert sign_in(cast.host, passkey)[0].get(ME).status_code == 401


def test_nobody_elses_passkey_is_touched(cast: Cast, passkey: SoftPasskey) -> None:
    row = Authenticator.objects.get()
    assert cast.lecturer.user is not None
    browser = browser_of(cast, cast.lecturer.user)
    for act in ("edit", "remove"):
        assert browser.get(f"{LIST}keys/{row.pk}/{act}/").status_code == 404


def test_an_account_holds_a_bounded_number(cast: Cast, user: User, passkey: SoftPasskey) -> None:
    row = Authenticator.objects.get(user=user)
    with signed_act("mfa_authenticator"):
        Authenticator.objects.bulk_create(
            Authenticator(user=user, type=row.type, data=row.data) for _n in range(MOST - 1)
        )
    answer = add(browser_of(cast, user), SoftPasskey(cast.host))
    assert "Remove one" in answer.content.decode()
    assert Authenticator.objects.count() == MOST


def test_host_and_moment_are_guarded(user: User, passkey: SoftPasskey) -> None:
    row = Authenticator.objects.get(user=user)
    for key, value in (("rp_id", "evil.example"), ("added_at", "2020-01-01T00:00:00+00:00")):
        with pytest.raises(ProgrammingError), transaction.atomic():
            Authenticator.objects.filter(pk=row.pk).update(data={**row.data, key: value})


def phone_of(cast: Cast, user: User) -> APIClient:
    meta = login(at(cast.host), user.email).json()["meta"]
    phone = at(cast.host, **{"X-Session-Token": meta["session_token"]})
    phone.post("/_allauth/app/v1/auth/reauthenticate", {"password": PASSWORD})
    return phone


def test_the_api_adds_signs_in_and_removes(cast: Cast, user: User) -> None:
    phone, passkey = phone_of(cast, user), SoftPasskey(cast.host, synced=True)
    options = phone.get(KEYS).json()["data"]["creation_options"]
    body = {"name": "phone", "credential": passkey.registration(options)}
    answer = phone.post(KEYS, body)
    assert answer.status_code == 200, answer.content
    assert Authenticator.objects.get(user=user).data["synced"] is True
    stranger = at(cast.host)
    begun = stranger.get(APP_SIGN_IN).json()
    half = at(cast.host, **{"X-Session-Token": begun["meta"]["session_token"]})
    done = half.post(APP_SIGN_IN, {"credential": passkey.answer(begun["data"]["request_options"])})
    assert done.status_code == 200, done.content
    assert done.json()["meta"]["access_token"]
    gone = phone.delete(KEYS, {"authenticators": [answer.json()["data"]["id"]]})
    assert gone.status_code == 200
    assert not Authenticator.objects.exists()


BROKEN: list[Any] = [{}, [], 1, "x", {"response": {}}, {"id": "x", "rawId": "é", "response": []}]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_read_is_refused(cast: Cast, user: User, broken: Any) -> None:
    browser = browser_of(cast, user)
    browser.get(ADD)
    body = {"name": "x", "credential": json.dumps(broken)}
    assert browser.post(ADD, body).status_code == 200
    visitor = Client(headers={"host": cast.host})
    visitor.get(SIGN_IN, headers=JSON)
    assert visitor.post(SIGN_IN, {"credential": json.dumps(broken)}).status_code == 302
    phone = phone_of(cast, user)
    phone.get(KEYS)
    assert phone.post(KEYS, {"name": "x", "credential": broken}).status_code == 400
    phone.get(APP_SIGN_IN)
    assert at(cast.host).post(APP_SIGN_IN, {"credential": broken}).status_code == 400
