"""Ways around the second factor and the link for a new password that were tried by hand once."""

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings as project
from django.test import Client

from apps.accounts.models import User
from apps.common.cache import circuit_breaker
from apps.signin.password_links import password_link
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import CHANGE_PASSWORD, ME, REFRESH, at, login
from tests.factories import PASSWORD, Cast
from tests.signin.test_mfa import AUTHENTICATE, code, half_signed_in, protected
from tests.totp import totp_code

__all__ = ["protected"]

API = "/_allauth/app/v1/"
OTHER = "quite another pass phrase"
PAGES = "/accounts/2fa/"


def recovery_code(user: User) -> str:
    stored = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    return str(RecoveryCodes(stored).get_unused_codes()[0])


def factors(user: User) -> set[str]:
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def signed_in_phone(cast: Cast, user: User) -> tuple[Any, dict[str, Any]]:
    done = half_signed_in(cast, user).post(AUTHENTICATE, {"code": code()})
    meta: dict[str, Any] = done.json()["meta"]
    return at(cast.host, **{"X-Session-Token": meta["session_token"]}), meta


def signed_in_browser(cast: Cast, user: User) -> Client:
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    browser.post(f"{PAGES}authenticate/", {"code": code()})
    assert browser.get(ME).status_code == 200
    return browser


CHANGES = [
    ("get", "account/authenticators/recovery-codes"),
    ("post", "account/authenticators/recovery-codes"),
    ("delete", "account/authenticators/totp"),
    ("get", "account/authenticators/webauthn"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_an_open_phone_and_the_password_change_no_factor(
    cast: Cast, protected: User, method: str, path: str
) -> None:
    phone, _meta = signed_in_phone(cast, protected)
    assert phone.post(f"{API}auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    before = list(Authenticator.objects.filter(user=protected).order_by("pk").values("pk", "data"))
    assert getattr(phone, method)(API + path).status_code == 401
    after = Authenticator.objects.filter(user=protected).order_by("pk").values("pk", "data")
    assert list(after) == before
    confirmed = phone.post(f"{API}auth/2fa/reauthenticate", {"code": recovery_code(protected)})
    assert confirmed.status_code == 200
    assert getattr(phone, method)(API + path).status_code == 200


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "recovery-codes/"),
        ("get", "recovery-codes/download/"),
        ("post", "recovery-codes/generate/"),
        ("post", "totp/deactivate/"),
        ("get", "webauthn/add/"),
    ],
)
def test_an_open_browser_and_the_password_change_no_factor(
    cast: Cast, protected: User, method: str, address: str
) -> None:
    browser = signed_in_browser(cast, protected)
    asked = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert urlsplit(asked["Location"]).path == f"{PAGES}reauthenticate/"
    answer = getattr(browser, method)(PAGES + address)
    assert answer.status_code == 302
    assert urlsplit(answer["Location"]).path == f"{PAGES}reauthenticate/"
    assert factors(protected) == {"totp", "recovery_codes"}
    browser.post(f"{PAGES}reauthenticate/", {"code": recovery_code(protected)})
    answer = getattr(browser, method)(PAGES + address)
    assert "reauthenticate" not in answer.get("Location", "")


def test_who_has_just_set_a_factor_up_is_not_asked_for_it_at_once(cast: Cast) -> None:
    """The password was confirmed when there was no factor yet, and the codes come next."""
    user = cast.lecturer.user
    assert user is not None
    phone = at(cast.host, **{"X-Session-Token": session_token(cast, user)})
    phone.post(f"{API}auth/reauthenticate", {"password": PASSWORD})
    secret = phone.get(f"{API}account/authenticators/totp").json()["meta"]["secret"]
    assert phone.post(f"{API}account/authenticators/totp", {"code": of(secret)}).status_code == 200
    assert phone.get(f"{API}account/authenticators/recovery-codes").status_code == 200
    again = phone.post(f"{API}account/authenticators/totp", {"code": of(secret)})
    assert again.status_code == 400  # one app at a time, and no server error


def session_token(cast: Cast, user: User) -> str:
    return str(login(at(cast.host), user.email).json()["meta"]["session_token"])


def of(secret: str) -> str:
    return totp_code(secret)


def test_a_code_works_once_while_the_cache_is_away(
    cast: Cast, protected: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = code()
    monkeypatch.setattr(circuit_breaker, "allows", lambda: False)
    answers = [
        half_signed_in(cast, protected).post(AUTHENTICATE, {"code": used}).status_code
        for _again in range(3)
    ]
    assert answers == [200, 400, 400]
    spelled = f"{used[:3]}-{used[3:]}"
    assert half_signed_in(cast, protected).post(AUTHENTICATE, {"code": spelled}).status_code == 400


@pytest.mark.parametrize("where", ["phone", "browser"])
def test_another_password_ends_a_sign_in_that_waits_for_its_code(
    cast: Cast, protected: User, where: str
) -> None:
    """Else who knew the old password has fifteen minutes more."""
    phone_of_thief = half_signed_in(cast, protected)
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    owner, meta = signed_in_phone(cast, protected)
    body = {"current_password": PASSWORD, "new_password": OTHER}
    assert owner.post(CHANGE_PASSWORD, body).status_code == 401  # signed out, as everywhere
    bearer = at(cast.host, Authorization=f"Bearer {meta['access_token']}")
    assert bearer.get(ME).status_code == 401
    refreshed = at(cast.host).post(REFRESH, {"refresh_token": meta["refresh_token"]})
    assert refreshed.status_code == 400
    last = {"code": recovery_code(protected)}
    if where == "phone":
        assert phone_of_thief.post(AUTHENTICATE, last).status_code in (401, 403)
    else:
        assert browser.post(f"{PAGES}authenticate/", last).status_code == 403
        assert browser.get(ME).status_code == 401


HALF = [
    ("get", "account/authenticators"),
    ("delete", "account/authenticators/totp"),
    ("get", "account/authenticators/recovery-codes"),
    ("post", "account/authenticators/recovery-codes"),
    ("post", "account/password/change"),
    ("get", "account/providers"),
    ("get", "auth/sessions"),
    ("post", "auth/reauthenticate"),
    ("post", "auth/2fa/reauthenticate"),
    ("get", "account/authenticators/webauthn"),
    ("post", "tokens/refresh"),
    ("post", "auth/2fa/trust"),
    ("post", "auth/code/request"),
    ("post", "auth/code/confirm"),
    ("post", "auth/email/verify"),
]


def test_half_a_sign_in_reaches_nothing(cast: Cast, protected: User) -> None:
    phone = half_signed_in(cast, protected)
    reached = [
        (path, answer.status_code)
        for method, path in HALF
        if (answer := getattr(phone, method)(API + path)).status_code < 400
    ]
    assert reached == []
    assert factors(protected) == {"totp", "recovery_codes"}


def test_sign_ins_of_two_people_in_one_browser_do_not_mix(cast: Cast, protected: User) -> None:
    """Two tabs: what the second begins does not finish the first, nor the other way round."""
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    browser.post("/accounts/login/", {"login": cast.student.email, "password": PASSWORD})
    if browser.get(ME).status_code == 401:
        browser.post(f"{PAGES}authenticate/", {"code": code()})
    email = browser.get(ME).json()["user"]["email"]
    browser.post(f"{PAGES}authenticate/", {"code": recovery_code(protected)})
    assert browser.get(ME).json()["user"]["email"] == email


def test_keys_of_before_the_sign_in_open_nothing(cast: Cast, protected: User) -> None:
    browser = Client(headers={"host": cast.host})
    browser.post("/accounts/login/", {"login": protected.email, "password": PASSWORD})
    half = browser.cookies[project.SESSION_COOKIE_NAME].value
    browser.post(f"{PAGES}authenticate/", {"code": code()})
    whole = browser.cookies[project.SESSION_COOKIE_NAME].value
    assert browser.get(ME).status_code == 200
    browser.post("/accounts/logout/")
    for key in (half, whole):
        thief = Client(headers={"host": cast.host})
        thief.cookies[project.SESSION_COOKIE_NAME] = key
        assert thief.get(ME).status_code == 401


@pytest.mark.parametrize(
    "following",
    [
        *("//evil.example/", "https://evil.example/", "/\\evil.example", "https:evil.example"),
        *("http:///evil.example", "javascript:alert(1)", "\t//evil.example", "https:///x.example"),
        *("https://south.example/", "https://north.example@evil.example", "//north.example.evil.x"),
    ],
)
def test_the_step_of_the_code_leads_to_no_other_host(
    cast: Cast, protected: User, following: str
) -> None:
    browser = Client(headers={"host": cast.host})
    body = {"login": protected.email, "password": PASSWORD, "next": following}
    browser.post(f"/accounts/login/?next={quote(following)}", body)
    answer = browser.post(
        f"{PAGES}authenticate/?next={quote(following)}", {"code": code(), "next": following}
    )
    assert answer["Location"] == "/"


# --- The link for a new password --------------------------------------------------------------


def key_of(cast: Cast, user: User) -> str:
    with campus_scope(cast.campus):
        link = password_link(user.pk, {"host": cast.host})
    return urlsplit(link).path


@pytest.fixture
def owner(cast: Cast) -> User:
    assert cast.lecturer.user is not None
    return cast.lecturer.user


def choose(host: str, path: str) -> bool:
    """Follow the link at this host and send the form; whether there was a form."""
    browser = Client(headers={"host": host})
    form = browser.get(path).get("Location")
    if form:
        browser.post(form, {"password1": OTHER, "password2": OTHER})
    return form is not None


def test_a_link_is_good_on_the_campus_that_mailed_it(
    cast: Cast, other_cast: Cast, owner: User
) -> None:
    path = key_of(cast, owner)
    assert not choose(other_cast.host, path)
    key = path.rstrip("/").rpartition("/")[2]
    body = {"key": key, "password": OTHER}
    assert at(other_cast.host).post(f"{API}auth/password/reset", body).status_code == 400
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert choose(cast.host, path)
    owner.refresh_from_db()
    assert owner.check_password(OTHER)
    assert not choose(cast.host, path)  # once


def test_a_campus_without_a_domain_has_its_links_at_the_platforms_host(
    cast: Cast, owner: User, settings: Any
) -> None:
    settings.PLATFORM_HOST = "platform.example"
    assert not choose("platform.example", key_of(cast, owner))
    with signed_act(Domain._meta.db_table):
        Domain.objects.filter(campus=cast.campus).delete()
    assert choose("platform.example", key_of(cast, owner))
    owner.refresh_from_db()
    assert owner.check_password(OTHER)
