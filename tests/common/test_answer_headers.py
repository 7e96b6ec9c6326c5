"""What every answer says to caches and browsers, address by address."""

import json
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client

from tests.accounts.support import ME, at, login
from tests.factories import PASSWORD, Cast
from tests.test_permissions import every_route

ROOT = Path(__file__).resolve().parents[2]
# Said by their views, because they are the same for everybody.
PUBLIC = {"manifest.webmanifest", "sw.js", "lti/jwks"}


def paths() -> list[str]:
    """Every address with made-up values in its places."""
    filled = {
        re.sub(r"<(?:(\w+):)?\w+>", lambda found: "x" if found[1] in (None, "str") else "1", route)
        for route, _view in every_route()
    }
    return sorted(f"/{path}" for path in filled if path not in PUBLIC)


@pytest.mark.parametrize("who", ["nobody", "admin"])
def test_no_personal_answer_is_kept(cast: Cast, who: str) -> None:
    client = Client(headers={"host": cast.host}, raise_request_exception=False)
    kept = []
    for path in paths():
        if who == "admin" and SESSION_KEY not in client.session:  # signed out by the one before
            client.force_login(cast.admin)
        answer = client.get(path)
        if "no-store" not in answer.get("Cache-Control", ""):
            kept.append((path, answer.status_code, answer.get("Cache-Control")))
    assert kept == []


def test_errors_and_unknown_hosts_are_not_kept_either(cast: Cast) -> None:
    for client, path in (
        (at(cast.host), "/nothing/here"),
        (at(cast.host), "/api/v1/nothing"),
        (at("nowhere.example"), "/"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer["Cache-Control"]) == (404, "private, no-store")


def test_what_is_public_may_be_kept(cast: Cast) -> None:
    worker = Client(headers={"host": cast.host}).get("/sw.js")
    assert worker["Cache-Control"] == "public, no-cache"
    style = Client(headers={"host": cast.host}).get("/static/css/tokens.css")
    assert style.status_code == 200
    assert "no-store" not in style["Cache-Control"]
    style.close()


def test_sensors_are_ours_alone_or_off(cast: Cast) -> None:
    policy = Client(headers={"host": cast.host}).get("/accounts/login/")["Permissions-Policy"]
    said = dict(part.split("=") for part in policy.split(", "))
    for name in (
        "camera",
        "geolocation",
        "publickey-credentials-get",
        "publickey-credentials-create",
    ):
        assert said[name] == "(self)"
    assert said["microphone"] == said["usb"] == said["payment"] == "()"
    assert set(said.values()) == {"()", "(self)"}


@lru_cache
def production(*names: str) -> dict[str, Any]:
    """These settings as production has them."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "campus.settings.production",
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-abcdefgh",
        "CAMPUS_MASTER_KEY": bytes(range(32)).hex(),
        "ALLOWED_HOSTS": "campus.example",
        "DATABASE_URL": "postgresql://a@127.0.0.1:1/a",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    code = (
        "import json; from django.conf import settings;"
        f"print(json.dumps({{n: getattr(settings, n) for n in {list(names)!r}}}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


COOKIES = [
    f"{kind}_COOKIE_{part}"
    for kind in ("SESSION", "CSRF", "LANGUAGE")
    for part in ("NAME", "SECURE", "PATH", "DOMAIN", "HTTPONLY", "SAMESITE")
] + ["DEVICE_COOKIE_NAME", "STAMP_COOKIE_NAME", "MESSAGE_STORAGE", "PUBLIC_SCHEME"]


def test_with_the_cookies_of_production_everything_works(cast: Cast, settings: Any) -> None:
    """Sign in and out, change something by form, by script and by phone; no other cookie is set."""
    for name, value in production(*COOKIES).items():
        setattr(settings, name, value)
    browser = Client(headers={"host": cast.host}, enforce_csrf_checks=True)
    page = browser.get("/accounts/login/", secure=True)
    token = page.context["csrf_token"]
    referer = {"referer": f"https://{cast.host}/"}
    body = {"login": cast.lecturer.email, "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    assert (
        browser.post("/accounts/login/", body, secure=True).status_code == 403
    )  # no referer over https
    assert browser.post("/accounts/login/", body, secure=True, headers=referer).status_code == 302
    assert browser.get(ME, secure=True).status_code == 200
    docs = browser.get("/api/docs/", secure=True).content.decode()
    script = re.search(r'data-csrf="(\w+)"', docs)
    assert script
    wish = {"kinds": [], "quiet_hours": None}
    answer = browser.put(
        "/api/v1/me/notification-preferences",
        wish,
        content_type="application/json",
        secure=True,
        headers={**referer, "X-CSRFToken": script[1]},
    )
    assert answer.status_code == 200
    phone = at(cast.host)
    assert login(phone, cast.student.email, secure=True).status_code == 200
    seen = {**browser.cookies, **phone.cookies}
    assert set(seen) == {"__Host-campus_session", "__Host-campus_csrf", "__Host-campus_device"}
    for cookie in seen.values():
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
        assert cookie["httponly"]
    out = browser.get("/accounts/login/", secure=True)
    assert out.status_code == 302
    page = browser.get("/accounts/logout/", secure=True)
    body = {"csrfmiddlewaretoken": str(page.context["csrf_token"])}
    assert browser.post("/accounts/logout/", body, secure=True, headers=referer).status_code == 302
    assert browser.get(ME, secure=True).status_code == 401


def test_scripts_know_no_cookie_by_name() -> None:
    scripts = [p for p in (ROOT / "static" / "js").rglob("*.js") if "vendor" not in p.parts]
    assert scripts
    assert [path.name for path in scripts if "document.cookie" in path.read_text()] == []


@pytest.mark.parametrize(
    ("path", "status"), [("/?x=%00", 400), ("/_allauth/app/v1/auth/login", 400), ("/x", 413)]
)
def test_what_is_refused_unread_says_it_too(cast: Cast, path: str, status: int) -> None:
    """Else these pages could be framed and kept."""
    body = "{" if status == 400 else "x" * 13_000_000
    browser = Client(headers={"host": cast.host})
    ask = browser.get(path) if "%00" in path else browser.post(path, body, "application/json")
    assert ask.status_code == status
    assert ask["Cache-Control"] == "private, no-store"
    assert "frame-ancestors 'none'" in ask["Content-Security-Policy"]
    assert ask["Permissions-Policy"]


SAID: Final = (
    *("Content-Security-Policy", "Cache-Control", "Permissions-Policy", "X-Content-Type-Options"),
    *("Referrer-Policy", "X-Frame-Options", "Cross-Origin-Opener-Policy"),
)


@pytest.mark.parametrize(
    ("method", "path", "secure", "host"),
    [
        ("get", "/teach/", False, None),  # to https
        ("get", "/teach/", False, "evil.example"),
        ("get", "/api/v1/me", True, "evil.example"),
        ("get", "/", True, "a b@c"),
        ("get", "/", True, "unknown.example"),
        ("get", "/accounts/login", True, None),  # to the slash
        ("get", "/?x=%00", True, None),
        ("get", "/nothing", True, None),
        ("get", "/static/css/tokens.css", True, None),
        ("get", "/static/nothing.css", True, None),
        ("get", "/sw.js", True, None),
        ("get", "/healthz", True, None),
        ("options", "/api/v1/me", True, None),
        ("post", "/accounts/login/", True, None),  # without a token
    ],
)
def test_whoever_answers_says_it(
    cast: Cast, settings: Any, method: str, path: str, secure: bool, host: str | None
) -> None:
    """Whichever middleware answers first; to other sites nothing is opened."""
    for name, value in production("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS").items():
        setattr(settings, name, value)
    settings.ALLOWED_HOSTS = [cast.host, "unknown.example"]
    browser = Client(headers={"host": host or cast.host}, enforce_csrf_checks=True)
    answer = getattr(browser, method)(path, secure=secure, headers={"origin": "https://x.example"})
    assert [name for name in SAID if name not in answer] == []
    assert ("Strict-Transport-Security" in answer) is secure
    assert [name for name in answer.headers if name.startswith("Access-Control")] == []
    answer.close()
