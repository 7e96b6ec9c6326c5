"""Walks every address with every role, and with the people of another campus."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from tests.accounts.support import mint_access_token, tokens
from tests.conftest import STANDING, Scene
from tests.factories import Cast
from tests.permission_matrix import LIBRARY_PREFIXES, PASSES, ROLES, ROWS, Row

REFUSED = {401, 403, 404}
# What an anonymous visitor may see of the libraries' addresses; everything else leads to sign-in.
PUBLIC_LIBRARY_PAGES = {
    "accounts/login/",
    "accounts/logout/",
    "accounts/signup/",
    "accounts/inactive/",
    "accounts/confirm-email/",
    "accounts/confirm-email/<key>/",
    "accounts/password/reset/",
    "accounts/password/reset/done/",
    "accounts/password/reset/key/done/",
    "accounts/password/reset/key/<uidb36>-<key>/",
    "accounts/3rdparty/login/cancelled/",
    "accounts/3rdparty/login/error/",
    "accounts/google/login/",
    "accounts/google/login/callback/",
    "accounts/google/login/token/",
    "_allauth/app/v1/config",
    "_allauth/app/v1/auth/webauthn/login",  # a challenge; the page's own answers scripts alone
    "admin/login/",
}


def every_route() -> list[tuple[str, Any]]:
    """(route as written, view) of every address the project answers."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield _readable(route), pattern.callback


def _readable(route: str) -> str:
    """Regular expressions of libraries in the shape of routes."""
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
    return named.replace("^", "").replace("$", "").replace("\\Z", "")


def is_library(route: str) -> bool:
    return route.startswith(LIBRARY_PREFIXES)


def methods_of(view: Any) -> set[str]:
    """What a REST view answers to; empty for plain views, which do not say."""
    cls = getattr(view, "cls", None)
    if cls is None:
        return set()
    return {name.lower() for name in cls().allowed_methods} - {"options", "head"}


def url_of(row: Row, arguments: dict[str, Any]) -> str:
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(arguments[found[1]]), row.route)
    return f"/{path}"


@pytest.fixture(scope="module")
def unregistered() -> list[str]:
    known = {(row.route, row.method) for row in ROWS}
    routes = {row.route for row in ROWS}
    missing = []
    for route, view in every_route():
        if is_library(route):
            continue
        methods = methods_of(view)
        missing += [f"{m.upper()} {route}" for m in sorted(methods) if (route, m) not in known]
        missing += [route] if not methods and route not in routes else []
    return missing


def test_every_address_is_registered(unregistered: list[str]) -> None:
    assert unregistered == [], "add these to tests/permission_matrix.py"


def test_no_row_is_left_over() -> None:
    existing = {route for route, _view in every_route()}
    assert [str(row) for row in ROWS if row.route not in existing] == []


def is_page(row: Row) -> bool:
    return not row.route.startswith("api/")


@pytest.fixture(scope="module")
def sessions(scene: Scene) -> dict[int, str]:
    """What the cookies of both casts hold, by the account's id: everybody signed in once."""
    found: dict[int, str] = {}

    def sign_in(cast: Cast) -> None:
        for user in filter(None, (account(cast) for account in ROLES.values())):
            client = Client(headers={"host": cast.host})
            client.force_login(user)
            found.setdefault(user.pk, client.cookies[settings.SESSION_COOKIE_NAME].value)

    for slug in STANDING:
        scene(sign_in, slug)
    return found


def clients_of(cast: Cast, host: str, sessions: dict[int, str], *, page: bool) -> dict[str, Any]:
    """A signed-in client per role of this cast: by token for the API, by cookie for pages."""
    clients: dict[str, Any] = {}
    for role, account in ROLES.items():
        user = account(cast)
        if page:
            clients[role] = Client(headers={"host": host})
            if user is not None:
                clients[role].cookies[settings.SESSION_COOKIE_NAME] = sessions[user.pk]
            continue
        headers = {"host": host}
        if user is not None:
            access = cast.tokens.get(user.pk) or mint_access_token(user, cast.campus)
            headers["Authorization"] = f"Bearer {access}"
        clients[role] = APIClient(headers=headers)
    return clients


def ask(client: Any, row: Row, url: str) -> HttpResponseBase:
    """Send the request and undo whatever it did."""
    cache.clear()
    with transaction.atomic():
        response: HttpResponseBase = getattr(client, row.method)(url, row.body)
        transaction.set_rollback(True)
    return response


def holds(expected: int, got: int) -> bool:
    return got not in REFUSED and got < 500 if expected == PASSES else got == expected


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_role_is_answered_as_the_table_says(
    row: Row, cast: Cast, sessions: dict[int, str]
) -> None:
    url = url_of(row, row.arguments_in(cast))
    clients = clients_of(cast, cast.host, sessions, page=is_page(row))
    got = {role: ask(client, row, url).status_code for role, client in clients.items()}
    wrong = {
        role: f"{status} instead of {row.answers[role] or 'passing'}"
        for role, status in got.items()
        if not holds(row.answers[role], status)
    }
    assert wrong == {}


@pytest.mark.parametrize("row", [row for row in ROWS if not row.public], ids=str)
def test_people_of_another_campus_are_not_answered(
    row: Row, cast: Cast, other_cast: Cast, sessions: dict[int, str]
) -> None:
    """Their sign-in, used on this campus's host: 401 for tokens, no page for cookies."""
    url = url_of(row, row.arguments_in(cast))
    clients = clients_of(other_cast, cast.host, sessions, page=is_page(row))
    del clients["super_admin"]
    expected = {302, 403, 404} if is_page(row) else {401}
    got = {role: ask(client, row, url).status_code for role, client in clients.items()}
    assert {role: status for role, status in got.items() if status not in expected} == {}


@pytest.mark.parametrize("row", [row for row in ROWS if "_id>" in row.route], ids=str)
def test_objects_of_another_campus_do_not_exist(
    row: Row, cast: Cast, other_cast: Cast, sessions: dict[int, str]
) -> None:
    """Their own host, this campus's ids: 404, never a 403 where the role itself is allowed."""
    url = url_of(row, row.arguments_in(cast))
    for role, client in clients_of(
        other_cast, other_cast.host, sessions, page=is_page(row)
    ).items():
        allowed = row.answers[role]
        status = ask(client, row, url).status_code
        assert status == (allowed if allowed in {302, 401, 403} else 404), role


def library_routes() -> list[str]:
    return [route for route, _view in every_route() if is_library(route)]


def fill(route: str) -> str:
    """Some address of this route; its arguments name nothing that exists."""
    path = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), route)
    return "/" + re.sub(r"<(?:\w+:)?\w+>", "1", path).replace(".*", "x").replace("?", "")


def test_library_pages_lead_strangers_to_sign_in(cast: Cast) -> None:
    """AMS-42: nothing of the libraries' addresses answers without sign-in, save what must."""
    visitor = Client(headers={"host": cast.host})
    shown = {
        route
        for route in library_routes()
        if visitor.get(fill(route)).status_code < 300 and "jsi18n" not in route
    }
    assert shown <= PUBLIC_LIBRARY_PAGES


def test_admin_pages_of_what_is_not_there_are_no_server_errors(
    cast: Cast, sessions: dict[int, str]
) -> None:
    """Pages of our own, which read their row themselves: of unknown numbers, and so of those of
    another campus. Django's own pages of rows: `tests/admin/test_odd_values.py`."""
    visitor = clients_of(cast, cast.host, sessions, page=True)["admin"]
    visitor.raise_request_exception = False
    routes = [route for route in library_routes() if route.startswith("admin/") and "<" in route]
    own = [route for route in routes if "<path:" not in route]
    assert "admin/imports/importrun/<int:run_id>/progress/" in own
    broken = []
    for route in own:
        path = fill(re.sub(r"<int:\w+>", "999999", route))
        for method in ("get", "post"):
            with transaction.atomic():
                status = getattr(visitor, method)(path).status_code
                transaction.set_rollback(True)
            if status >= 500:
                broken.append((method, path, status))
    assert broken == []


@pytest.mark.parametrize("role", ["student", "faculty"])
def test_admin_is_closed_to_students_and_faculty(
    cast: Cast, sessions: dict[int, str], role: str
) -> None:
    visitor = clients_of(cast, cast.host, sessions, page=True)[role]
    shown = {
        route
        for route in library_routes()
        if route.startswith("admin/") and visitor.get(fill(route)).status_code < 300
    }
    assert shown <= {"admin/login/", "admin/jsi18n/"}


def test_admin_is_closed_to_the_administrators_of_another_campus(
    cast: Cast, other_cast: Cast, sessions: dict[int, str]
) -> None:
    visitor = clients_of(other_cast, cast.host, sessions, page=True)["admin"]
    shown = {
        route
        for route in library_routes()
        if route.startswith("admin/") and visitor.get(fill(route)).status_code < 300
    }
    assert shown <= {"admin/login/", "admin/jsi18n/"}


def test_phone_sign_in_api_needs_a_session_of_this_campus(cast: Cast, other_cast: Cast) -> None:
    """Account management with another campus's session: gone, signed out, or closed to all."""
    session = tokens(APIClient(headers={"host": other_cast.host}), other_cast.admin.email)[
        "session_token"
    ]
    visitor = APIClient(headers={"host": cast.host, "X-Session-Token": session})
    got = {
        route: visitor.get(fill(route)).status_code
        for route in library_routes()
        if route.startswith("_allauth/")
    }
    assert set(got.values()) <= {401, 403, 404, 405, 410}
