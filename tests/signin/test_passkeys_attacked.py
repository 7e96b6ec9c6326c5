"""What no browser sends: passkeys of other pages, under other names, twice, or too many."""

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.test import Client

from apps.accounts.models import User
from apps.checkin.models import CheckInAttempt
from apps.signin.passkeys import MOST
from apps.tenants.scope import campus_scope
from tests.accounts.support import ME, race
from tests.authenticator import SoftPasskey, bytes_of, registered, text_of
from tests.checkin.test_passkeys import opened, outcome, send
from tests.factories import Cast, make_cast
from tests.phone import Phone
from tests.signin.test_passkeys import ADD, JSON, SIGN_IN, add, browser_of, options_in

ELSEWHERE: list[dict[str, Any]] = [
    {"origin": "https://law.north.example"},
    {"origin": "https://north.example.evil.example"},
    {"origin": "http://north.example"},
    {"crossOrigin": True},
    {"crossOrigin": True, "topOrigin": "https://evil.example"},
    {"origin": None},
]


@pytest.fixture
def user(cast: Cast) -> User:
    assert cast.student.user is not None
    return cast.student.user


def answer_of(passkey: SoftPasskey, options: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = passkey.answer(options)
    made = passkey.assertion(bytes_of(options["publicKey"]["challenge"]), **said)
    answer["response"]["clientDataJSON"] = made["client_data_json"]
    answer["response"]["signature"] = made["signature"]
    return answer


def registration_of(passkey: SoftPasskey, options: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = passkey.registration(options)
    challenge = bytes_of(options["publicKey"]["challenge"])
    data = passkey.client_data("webauthn.create", challenge, **said)
    answer["response"]["clientDataJSON"] = text_of(data)
    return answer


@pytest.mark.parametrize("said", [*ELSEWHERE, {}])
def test_what_another_page_had_signed_does_not_sign_in(
    cast: Cast, user: User, said: dict[str, Any]
) -> None:
    """Browsers let the pages of every name below a host use its passkeys: another campus's too."""
    passkey = SoftPasskey(cast.host)
    registered(user, passkey, age=timedelta(days=3))
    passkey.user_handle = text_of(user_pk_to_url_str(user).encode())
    browser = Client(headers={"host": cast.host})
    options = browser.get(SIGN_IN, headers=JSON).json()["request_options"]
    browser.post(SIGN_IN, {"credential": json.dumps(answer_of(passkey, options, **said))})
    assert browser.get(ME).status_code == (401 if said else 200)


@pytest.mark.parametrize("said", [*ELSEWHERE, {}])
def test_what_another_page_had_made_is_not_added(
    cast: Cast, user: User, said: dict[str, Any]
) -> None:
    browser = browser_of(cast, user)
    options = options_in(browser.get(ADD))["creation_options"]
    made = registration_of(SoftPasskey(cast.host), options, **said)
    browser.post(ADD, {"name": "x", "credential": json.dumps(made)})
    assert Authenticator.objects.exists() is not bool(said)


def test_a_passkey_is_kept_by_its_own_name_alone(cast: Cast, user: User) -> None:
    """By another one nobody would find whose it is when it signs for a classmate."""
    browser, passkey = browser_of(cast, user), SoftPasskey(cast.host)
    options = options_in(browser.get(ADD))["creation_options"]
    made = passkey.registration(options)
    made["id"] = made["rawId"] = text_of(b"another name")
    browser.post(ADD, {"name": "x", "credential": json.dumps(made)})
    assert not Authenticator.objects.exists()


def test_a_classmates_passkey_is_found_however_its_name_was_spelled(cast: Cast, user: User) -> None:
    session = opened(cast, passkey="accepted")
    browser, passkey = browser_of(cast, user), SoftPasskey(cast.host)
    options = options_in(browser.get(ADD))["creation_options"]
    made = passkey.registration(options)
    made["id"] = made["rawId"] = made["rawId"] + "="
    browser.post(ADD, {"name": "x", "credential": json.dumps(made)})
    assert Authenticator.objects.get().data["credential"]["rawId"] == text_of(passkey.credential_id)
    answer = send(Phone(cast, cast.classmate), session, passkey, sign=False)
    assert outcome(answer) == ("refused", "bad_signature")
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get(student=cast.classmate)
    assert attempt.passkey_id == Authenticator.objects.get().pk


def test_a_name_that_another_account_has_is_not_taken(cast: Cast, user: User) -> None:
    theirs = SoftPasskey(cast.host)
    assert cast.classmate.user is not None
    registered(cast.classmate.user, theirs, age=timedelta(days=3))
    add(browser_of(cast, user), SoftPasskey(cast.host, credential_id=theirs.credential_id))
    assert not Authenticator.objects.filter(user=user).exists()


@pytest.mark.django_db(transaction=True)
def test_one_passkey_sent_many_times_at_once_is_added_once() -> None:
    cast = make_cast("north")
    assert cast.student.user is not None
    browser = browser_of(cast, cast.student.user)
    options = options_in(browser.get(ADD))["creation_options"]
    body = {"name": "x", "credential": json.dumps(SoftPasskey(cast.host).registration(options))}
    clients = [Client(headers={"host": cast.host}) for _n in range(6)]
    for client in clients:
        client.cookies = browser.cookies.copy()
    statuses = race(*(lambda client=client: client.post(ADD, body) for client in clients))
    assert statuses == [200] * 5 + [302]
    assert Authenticator.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_passkeys_at_once_are_not_more_than_an_account_may_have() -> None:
    cast = make_cast("north")
    user = cast.student.user
    assert user is not None
    for _n in range(MOST - 1):
        registered(user, SoftPasskey(cast.host), age=timedelta(0))
    posts = []
    for _n in range(4):
        browser = browser_of(cast, user)
        options = options_in(browser.get(ADD))["creation_options"]
        made = json.dumps(SoftPasskey(cast.host).registration(options))
        posts.append(
            lambda browser=browser, made=made: browser.post(ADD, {"name": "x", "credential": made})
        )
    assert race(*posts) == [200, 200, 200, 302]
    assert Authenticator.objects.count() == MOST
