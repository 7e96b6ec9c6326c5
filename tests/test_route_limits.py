"""Every address that is expensive, makes something secret or asks no sign-in has a limit."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from rest_framework.permissions import AllowAny

from apps.common.api import AnyAccept, RouteThrottle
from apps.common.route_limits import LIMITS, scope_of
from apps.timetable.services import calendar_link_create
from tests.accounts.support import REFRESH, at, code_of, login, signed_in
from tests.factories import Cast
from tests.test_permissions import PUBLIC_LIBRARY_PAGES, every_route, methods_of

# Words in an address that promise work or a secret, whatever the view is.
EXPENSIVE = (
    "report",
    "export",
    "search",
    "metrics",
    "template",
    "errors.xlsx",
    "attachment",
    "generate",
    "schema",
    "docs",
)
SECRET = ("token", "link", "code", "challenge", "start", "face-samples", "import", "rapid-codes")

# Addresses outside the API that answer without a sign-in, and what bounds them instead.
BOUNDED_OTHERWISE = {
    "healthz": "asked by machines every few seconds; looks at nothing",
    "readyz": "asked by machines every few seconds; answers in bounded time",
    "metrics": "opened by METRICS_TOKEN alone, compared before any work",
    "manifest.webmanifest": "the campus's name, the same for everybody",
    "language": "sets a cookie; of who is signed in one column of one row",
    "kiosk/": "opened by the kiosk's own cookie; shows what is on in one room",
    "kiosk/end": "ends what its own cookie opened",
    "c/scan": "a file of ours, the same for everybody",
    "c/state": "scan_state in apps/common/route_limits.py; nothing to guess",
    "sw.js": "a file of ours, the same for everybody",
    "accounts/login/": "apps/signin/guesses.py",
    "accounts/password/reset/": "apps/signin/guesses.py",
    "accounts/2fa/authenticate/": "apps/signin/guesses.py",
    "_allauth/app/v1/auth/login": "apps/signin/guesses.py",
    "accounts/2fa/webauthn/login/": "passkey in apps/common/route_limits.py; nothing to guess",
    "_allauth/app/v1/auth/webauthn/login": "the same",
    "_allauth/app/v1/auth/password/request": "apps/signin/guesses.py",
    "_allauth/app/v1/auth/2fa/authenticate": "apps/signin/guesses.py",
    "accounts/google/login/": "sends the browser to Google, keeps a state in the session",
    "accounts/google/login/callback/": "asks Google only with the state of its own session",
    "accounts/google/login/token/": "tokens are checked against cached certificates",
    "_allauth/app/v1/auth/provider/token": "tokens are checked against cached certificates",
}


def needs_limit(route: str, method: str, view: Any) -> bool:
    cls = view.cls
    words = [word for word in EXPENSIVE if word in route]
    if method != "GET":
        words += [word for word in SECRET if word in route.rpartition("me/")[2]]
    is_poll = route.startswith("api/v1/imports") and method == "GET" and not words
    is_download = issubclass(cls.content_negotiation_class, AnyAccept)
    is_open = AllowAny in cls.permission_classes
    return (bool(words) or is_download or is_open) and not is_poll


def is_limited(route: str, method: str, view: Any) -> bool:
    instance = view.cls()
    instance.request = type("Request", (), {"method": method})()
    own = [rule for rule in instance.get_throttles() if not isinstance(rule, RouteThrottle)]
    return bool(own) or bool(
        scope_of(method, route)
        and (RouteThrottle in view.cls.throttle_classes and "get_throttles" not in vars(view.cls))
    )


def rest_routes() -> list[tuple[str, str, Any]]:
    return [
        (route, method.upper(), view)
        for route, view in every_route()
        for method in methods_of(view) & {"get", "post", "put"}
    ]


def test_what_is_expensive_secret_or_open_is_limited() -> None:
    asked = [found for found in rest_routes() if needs_limit(*found)]
    assert len(asked) > 30
    assert [
        f"{method} {route}" for route, method, view in asked if not is_limited(route, method, view)
    ] == []


def test_every_open_page_is_limited_or_bounded() -> None:
    """Pages of the libraries that ask no sign-in show a form or nothing; the rest is named."""
    open_pages = {
        route
        for route, view in every_route()
        if not methods_of(view) and route in {*BOUNDED_OTHERWISE, "calendar/<str:token>.ics"}
    }
    assert open_pages == {*BOUNDED_OTHERWISE, "calendar/<str:token>.ics"}
    assert scope_of("GET", "calendar/<str:token>.ics") == "calendar_feed"
    acting = {route for route in PUBLIC_LIBRARY_PAGES if "key/<" in route and "reset" in route}
    assert [route for route in acting if not scope_of("POST", route)] == []


def test_every_limit_has_an_address_and_a_rate() -> None:
    rates = django_settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    assert {scope for _method, _pattern, scope in LIMITS} <= set(rates)
    routes = {route for route, _view in every_route()}
    for method, pattern, scope in LIMITS:
        assert any(scope_of(method, route) == scope for route in routes), pattern


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = django_settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    for scope in rates:
        monkeypatch.setitem(rates, scope, "1/hour")


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("student", "get", "/api/v1/search?q=ada", None),
        ("student", "get", "/api/v1/me/attendance", None),
        ("student", "post", "/api/v1/me/calendar-link", {}),
        ("student", "post", "/api/v1/me/device/challenge", {}),
        ("lecturer", "get", "/api/v1/reports/attendance", None),
        ("lecturer", "post", "/api/v1/reports/exports", {}),
        ("lecturer", "post", "/api/v1/sessions/start", {}),
    ],
)
def test_the_second_of_one_is_refused(
    cast: Cast, who: str, method: str, path: str, body: Any
) -> None:
    client = signed_in(cast.host, getattr(cast, who).email)
    first = getattr(client, method)(path, body)
    assert first.status_code < 429
    second = getattr(client, method)(path, body)
    assert (second.status_code, code_of(second)) == (429, "throttled")
    assert 0 < int(second["Retry-After"]) <= 3600
    other = signed_in(cast.host, cast.classmate.email if who == "student" else cast.outsider.email)
    assert getattr(other, method)(path, body).status_code < 429


@pytest.mark.usefixtures("once")
def test_without_a_sign_in_the_network_is_counted(cast: Cast, settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1

    def asked(address: str) -> Any:
        return at(cast.host).get("/api/docs/", headers={"x-forwarded-for": address})

    assert asked("[2001:db8:1:2::1]:443").status_code == 200
    refused = asked("[2001:db8:1:2::ffff]:444")
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert asked("2001:db8:1:3::1").status_code == 200
    assert [asked("unknown").status_code for _n in range(3)] == [200] * 3


@pytest.mark.usefixtures("once")
def test_pages_count_together_with_the_api(cast: Cast) -> None:
    assert cast.lecturer.user is not None
    browser = Client(headers={"host": cast.host})
    browser.force_login(cast.lecturer.user)
    assert browser.get("/reports/").status_code == 200
    assert browser.get("/reports/").status_code == 429
    phone = signed_in(cast.host, cast.lecturer.email)
    assert phone.get("/api/v1/reports/attendance").status_code == 429
    assert browser.post("/week/calendar-link").status_code == 200
    refused = browser.post("/week/calendar-link")
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")


@pytest.mark.usefixtures("once")
def test_feeds_and_refreshes_are_counted_one_by_one(in_campus: Cast, now: Any) -> None:
    """Not by address: a calendar service reads the feeds of many, a hall refreshes at once."""
    from apps.audit.services import SYSTEM

    feeds = [
        calendar_link_create(user=person.user, now=now, actor=SYSTEM)
        for person in (in_campus.student, in_campus.classmate)
    ]
    reader = Client(headers={"host": in_campus.host})
    assert [reader.get(f"/calendar/{token}.ics").status_code for token in feeds] == [200, 200]
    assert reader.get(f"/calendar/{feeds[0]}.ics").status_code == 429
    tokens = [
        login(at(in_campus.host), person.email).json()["meta"]["refresh_token"]
        for person in (in_campus.student, in_campus.classmate)
    ]
    phone = at(in_campus.host)
    answers = [phone.post(REFRESH, {"refresh_token": t}).status_code for t in (*tokens, tokens[0])]
    assert answers == [200, 200, 429]
    other = login(phone, in_campus.lecturer.email).json()["meta"]["refresh_token"]
    bodies = [{"refresh_token": other, "nobody_reads": n} for n in range(2)]
    assert [phone.post(REFRESH, body).status_code for body in bodies] == [200, 429]


@pytest.mark.parametrize(
    "path", ["/accounts/password/reset/key/x-set-password/", REFRESH, "/_allauth/app/v1/auth/login"]
)
def test_a_form_of_several_parts_is_no_error(cast: Cast, path: str) -> None:
    """Case of a browser or a stranger: it was read already when it was counted."""
    browser = Client(headers={"host": cast.host})
    codes = [browser.post(path, {"refresh_token": "x", "n": n}).status_code for n in range(11)]
    assert max(codes) < 500


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(
    "path", ["/accounts/password/reset/key/done/", "/accounts/password/reset/key/2-x/"]
)
def test_a_form_with_parts_is_counted_too(cast: Cast, path: str) -> None:
    """Before sign-in; its body is read by then."""
    fields = {"password1": "x", "password2": "x"}  # sent as multipart/form-data
    assert at(cast.host).post(path, fields).status_code < 429
    assert at(cast.host).post(path, fields).status_code == 429
