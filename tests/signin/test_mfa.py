"""The second factor, in the browser and on the phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string

from apps.accounts.models import User
from apps.signin.forms import LimitedCode
from apps.signin.tasks import mail_password_link
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, at, login
from tests.factories import PASSWORD, Cast
from tests.notifications.support import deliver
from tests.test_permissions import every_route
from tests.totp import totp_code

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
AUTHENTICATE = "/_allauth/app/v1/auth/2fa/authenticate"


def code(offset: int = 0) -> str:
    return totp_code(SECRET, steps=offset)


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


ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize("where", ["browser", "phone"])
def test_a_code_is_read_in_every_script(cast: Cast, protected: User, where: str) -> None:
    written = code().translate(ARABIC)
    if where == "phone":
        answer = half_signed_in(cast, protected).post(AUTHENTICATE, {"code": written})
        assert answer.status_code == 200
        return
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    browser.post("/accounts/2fa/authenticate/", {"code": written})
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
    from apps.signin.passwords import LengthValidator

    LengthValidator().validate("x" * 8, protected)


WRONG_CODE = "000000"


def half_signed_in(cast: Cast, user: User, **extra: str) -> Any:
    """A phone that has given the password and owes the code; each from a place of its own."""
    session = login(at(cast.host), user.email, **extra).json()["meta"]["session_token"]
    client = at(cast.host, **{"X-Session-Token": session})
    client.defaults.update(extra)
    return client


def test_guessing_the_code_is_slowed_down(cast: Cast, protected: User) -> None:
    phone = half_signed_in(cast, protected)
    codes = [phone.post(AUTHENTICATE, {"code": WRONG_CODE}).status_code for _n in range(7)]
    assert codes == [400] * 5 + [429] * 2
    answer = half_signed_in(cast, protected).post(AUTHENTICATE, {"code": code()})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60


def test_guessing_the_code_is_slowed_down_over_all_addresses(cast: Cast, protected: User) -> None:
    answers = [
        half_signed_in(cast, protected, REMOTE_ADDR=f"203.0.{n}.7").post(
            AUTHENTICATE, {"code": WRONG_CODE}
        )
        for n in range(22)
    ]
    assert [answer.status_code for answer in answers] == [400] * 20 + [429] * 2


def test_who_guesses_codes_does_not_keep_the_owners_browser_out(
    cast: Cast, protected: User
) -> None:
    browser = Client(headers={"host": cast.host}, REMOTE_ADDR="198.51.100.7")
    body = {"login": protected.email, "password": PASSWORD}
    browser.post("/accounts/login/", body)
    browser.post("/accounts/2fa/authenticate/", {"code": code(-1)})
    browser.post("/accounts/2fa/authenticate/", {"code": code()})
    assert browser.get(ME).status_code == 200
    browser.post("/accounts/logout/")
    for n in range(21):
        thief = half_signed_in(cast, protected, REMOTE_ADDR=f"203.0.{n}.7")
        thief.post(AUTHENTICATE, {"code": WRONG_CODE})
    assert thief.post(AUTHENTICATE, {"code": WRONG_CODE}).status_code == 429
    browser.post("/accounts/login/", body)
    stored = Authenticator.objects.get(user=protected, type=Authenticator.Type.RECOVERY_CODES)
    recovery = RecoveryCodes(stored).get_unused_codes()[0]
    browser.post("/accounts/2fa/authenticate/", {"code": recovery})
    assert browser.get(ME).status_code == 200


def test_browser_gets_429_for_many_codes(cast: Cast, protected: User) -> None:
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    codes = [
        browser.post("/accounts/2fa/authenticate/", {"code": WRONG_CODE}).status_code
        for _n in range(6)
    ]
    assert codes == [200] * 5 + [429]


def forms_of(view: Any) -> Iterator[type]:
    """The form classes that a view of the library hands its input to."""
    cls = getattr(view, "view_class", None)
    for name in ("form_class", "input_class"):
        found = getattr(cls, name, None)
        yield from (found.values() if isinstance(found, dict) else filter(None, [found]))


def test_every_view_that_compares_a_code_has_our_limits() -> None:
    """Pages through MFA_FORMS, the API by addresses that come first."""
    replaced = {
        AuthenticateForm: "authenticate",
        ReauthenticateForm: "reauthenticate",
        ActivateTOTPForm: "activate_totp",
    }
    found: dict[str, set[type]] = {}
    for route, view in every_route():
        for form in forms_of(view):
            if issubclass(form, (BaseAuthenticateForm, ActivateTOTPForm)):
                path = mfa_settings.FORMS.get(replaced.get(form, ""))
                first = found.setdefault(route, set())
                first.update(() if first else {import_string(path) if path else form})
    assert len(found) == 6
    assert [
        route for route, forms in found.items() for f in forms if LimitedCode not in f.mro()
    ] == []


def test_a_reset_request_does_not_keep_anybody_from_a_second_factor(cast: Cast) -> None:
    user = cast.student.user
    assert user is not None
    Client(headers={"host": cast.host}).post("/accounts/password/reset/", {"email": user.email})
    with campus_scope(cast.campus):
        mail_password_link(user.email, cast.host)
        deliver(cast.campus, "email", timezone.now())
    assert not EmailAddress.objects.exists()
    # Rows that older versions left behind.
    EmailAddress.objects.create(user=user, email=user.email, verified=False)
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = browser.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200
    secret = browser.session["mfa.totp.secret"]
    now = totp_code(secret)
    assert browser.post("/accounts/2fa/totp/activate/", {"code": now}).status_code == 302
    assert Authenticator.objects.filter(user=user, type="totp").exists()
