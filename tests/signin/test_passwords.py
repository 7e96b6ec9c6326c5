"""Hashes old and new, and first passwords that must be changed."""

import base64
import hashlib

import bcrypt
import pytest
from django.contrib.auth.hashers import (
    BCryptSHA256PasswordHasher,
    PBKDF2PasswordHasher,
    check_password,
    make_password,
)
from django.core.exceptions import ValidationError
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.services import password_set
from apps.audit.services import SYSTEM
from apps.notifications.models import Delivery, Message
from apps.signin.passwords import LengthValidator, adopted_hash
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from campus.settings import base
from tests.accounts.support import CHANGE_PASSWORD, ME, at, code_of, login, signed_in
from tests.factories import PASSWORD, Cast

NEW_PASSWORD = "another horse battery staple"
real_hashers = override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS)


def raw_bcrypt(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


def werkzeug(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000).hex()
    return f"pbkdf2:sha256:1000$salt${digest}"


def django_pbkdf2(password: str) -> str:
    return PBKDF2PasswordHasher().encode(password, "salt", 1000)


@real_hashers
def test_new_passwords_are_bcrypt_of_cost_12() -> None:
    assert make_password(PASSWORD).startswith("bcrypt_keyed$$2b$12$")


@real_hashers
@pytest.mark.django_db  # other keys than the given one are looked up there
def test_a_hash_alone_is_not_enough_to_try_passwords() -> None:
    encoded = make_password(PASSWORD)
    assert check_password(PASSWORD, encoded)
    without_the_key = encoded.replace("bcrypt_keyed", "bcrypt_sha256")
    assert not check_password(PASSWORD, without_the_key)
    with override_settings(CAMPUS_MASTER_KEY=bytes(32)):
        assert not check_password(PASSWORD, encoded)


@real_hashers
def test_hashes_without_the_key_are_renewed_at_the_next_sign_in(api: APIClient, cast: Cast) -> None:
    old = BCryptSHA256PasswordHasher().encode(PASSWORD, bcrypt.gensalt(4))
    with signed_act("accounts_user"):
        User.objects.filter(pk=cast.student.user_id).update(password=old)
    assert login(api, cast.student.email, PASSWORD).status_code == 200
    assert User.objects.get(pk=cast.student.user_id).password.startswith("bcrypt_keyed$")


@real_hashers
@pytest.mark.parametrize("password", [PASSWORD, "x" * 100])
@pytest.mark.parametrize("legacy", [raw_bcrypt, werkzeug, django_pbkdf2])
def test_legacy_hash_signs_in_once_and_is_upgraded(
    api: APIClient, cast: Cast, legacy: object, password: str
) -> None:
    old = adopted_hash(legacy(password))  # type: ignore[operator]
    with signed_act("accounts_user"):
        User.objects.filter(pk=cast.student.user_id).update(password=old)
    assert login(api, cast.student.email, "wrong " + password).status_code == 400
    assert User.objects.get(pk=cast.student.user_id).password == old
    assert login(api, cast.student.email, password).status_code == 200
    upgraded = User.objects.get(pk=cast.student.user_id).password
    assert upgraded.startswith("bcrypt_keyed$$2b$12$")
    assert login(at(cast.host), cast.student.email, password).status_code == 200


def test_unknown_hash_is_not_adopted() -> None:
    for encoded in ("", "plain text", "md5$salt$abc", "$1$abc$def"):
        with pytest.raises(ValueError, match="unknown kind"):
            adopted_hash(encoded)


def test_base64_of_an_adopted_hash_is_djangos() -> None:
    assert adopted_hash(werkzeug("x")) == django_pbkdf2("x")
    assert base64.b64decode(adopted_hash(werkzeug("x")).rpartition("$")[2])


def test_length_bounds() -> None:
    LengthValidator().validate("x" * 15)
    LengthValidator().validate("x" * 128)
    for bad in ("x" * 14, "x" * 129):
        with pytest.raises(ValidationError):
            LengthValidator().validate(bad)


@pytest.fixture
def beginner(cast: Cast) -> User:
    """A student who still has the password that the office gave."""
    User.objects.filter(pk=cast.student.user_id).update(must_change_password=True)
    return User.objects.get(pk=cast.student.user_id)


def test_beginner_is_led_to_the_password_page(cast: Cast, beginner: User) -> None:
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": beginner.email, "password": PASSWORD})
    answer = browser.get("/accounts/sessions/")
    led_to = "/accounts/password/change/?next=%2Faccounts%2Fsessions%2F"
    assert (answer.status_code, answer["Location"]) == (302, led_to)
    refusal = browser.get(ME)
    assert (refusal.status_code, code_of(refusal)) == (403, "password_change_required")
    assert browser.get("/accounts/password/change/").status_code == 200
    body = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert browser.post("/accounts/password/change/", body).status_code == 302
    assert not User.objects.get(pk=beginner.pk).must_change_password
    browser.post("/accounts/login/", {"login": beginner.email, "password": NEW_PASSWORD})
    assert browser.get(ME).status_code == 200


def test_beginner_changes_it_on_the_phone(cast: Cast, beginner: User) -> None:
    phone = signed_in(cast.host, beginner.email)
    refusal = phone.get(ME)
    assert (refusal.status_code, code_of(refusal)) == (403, "password_change_required")
    phone.post(CHANGE_PASSWORD, {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert signed_in(cast.host, beginner.email, NEW_PASSWORD).get(ME).status_code == 200


def test_common_password_is_refused(cast: Cast) -> None:
    client = signed_in(cast.host, cast.student.email)
    body = {"current_password": PASSWORD, "new_password": "123456789987654321"}
    answer = client.post(CHANGE_PASSWORD, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        400,
        "password_too_common",
    )


def test_the_person_is_told_of_a_new_password(api: APIClient, cast: Cast) -> None:
    client = signed_in(cast.host, cast.student.email)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    client.post(CHANGE_PASSWORD, body)
    with campus_scope(cast.campus):
        told = Delivery.objects.filter(message__kind="account_security")
        assert set(told.values_list("user_id", "channel")) == {
            (cast.student.user_id, "inbox"),
            (cast.student.user_id, "email"),
        }


def test_a_first_password_that_must_be_changed_is_no_news(in_campus: Cast) -> None:
    user = in_campus.student.user
    assert user is not None
    facts = {"user": user, "password": NEW_PASSWORD, "now": timezone.now(), "actor": SYSTEM}
    password_set(**facts, must_change_password=True)
    assert not Message.objects.exists()
    password_set(**facts)
    assert Message.objects.get().title == "Your password was changed"
