"""The second factor, in the browser and on the phone."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from apps.accounts.models import User
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, at, login
from tests.factories import PASSWORD, Cast

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
AUTHENTICATE = "/_allauth/app/v1/auth/2fa/authenticate"


def code(offset: int = 0) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + offset))


@pytest.fixture
def protected(cast: Cast) -> User:
    user = cast.lecturer.user
    assert user is not None
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, SECRET)
        RecoveryCodes.activate(user)
    return user


def test_secret_is_encrypted_at_rest(protected: User) -> None:
    stored = Authenticator.objects.filter(user=protected).values_list("data", flat=True)
    assert SECRET not in str(list(stored))


def test_phone_needs_the_code_after_the_password(cast: Cast, protected: User) -> None:
    first = login(at(cast.host), protected.email)
    assert first.status_code == 401
    assert "access_token" not in first.json()["meta"]
    assert User.objects.get(pk=protected.pk).last_login is None
    half = at(cast.host, **{"X-Session-Token": first.json()["meta"]["session_token"]})
    assert half.get(ME).status_code == 401
    assert half.post(AUTHENTICATE, {"code": "000000"}).status_code == 400
    done = half.post(AUTHENTICATE, {"code": code()})
    assert done.status_code == 200
    access = done.json()["meta"]["access_token"]
    assert at(cast.host, Authorization=f"Bearer {access}").get(ME).status_code == 200


def test_browser_needs_the_code_after_the_password(cast: Cast, protected: User) -> None:
    browser = Client(headers={"host": cast.host})
    answer = browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert browser.get(ME).status_code == 401
    assert browser.get(answer["Location"]).status_code == 200
    browser.post("/accounts/2fa/authenticate/", {"code": code()})
    assert browser.get(ME).status_code == 200


def test_code_works_once(cast: Cast, protected: User) -> None:
    used = code()
    for expected in (200, 400):
        session = login(at(cast.host), protected.email).json()["meta"]["session_token"]
        half = at(cast.host, **{"X-Session-Token": session})
        assert half.post(AUTHENTICATE, {"code": used}).status_code == expected


def test_recovery_code_works_once(cast: Cast, protected: User) -> None:
    stored = Authenticator.objects.get(user=protected, type=Authenticator.Type.RECOVERY_CODES)
    recovery = RecoveryCodes(stored).get_unused_codes()[0]
    for expected in (200, 400):
        session = login(at(cast.host), protected.email).json()["meta"]["session_token"]
        half = at(cast.host, **{"X-Session-Token": session})
        assert half.post(AUTHENTICATE, {"code": recovery}).status_code == expected


def test_half_a_sign_in_of_another_campus_ends_nowhere(
    cast: Cast, other_cast: Cast, protected: User
) -> None:
    """The last step asks for the role again, on the campus where it is taken."""
    session = login(at(cast.host), protected.email).json()["meta"]["session_token"]
    elsewhere = at(other_cast.host, **{"X-Session-Token": session})
    answer = elsewhere.post(AUTHENTICATE, {"code": code()})
    assert "access_token" not in answer.json().get("meta", {})


def test_shorter_passwords_suit_a_second_factor(protected: User) -> None:
    from apps.accounts.passwords import LengthValidator

    LengthValidator().validate("x" * 8, protected)
