"""What opens something without a sign-in never stands in a log."""

import logging
import os
import re
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from apps.audit.models import Entry
from apps.common.logs import HIDDEN, RedactingFormatter, without_secrets
from apps.ops.fleet import LOG_CONFIG
from apps.ops.processes import wait_until
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.ops.running import ROOT, environment, running
from tests.test_permissions import every_route

TOKEN = "12-aB3xY_9kQ-pLmN0oPqRsTuVwXyZ0123456789abcdefgh"
SECRET_NAMES = re.compile(r"<(?:\w+:)?(?:token|key|secret|code|ticket|signature)>")


@pytest.mark.parametrize(
    "line",
    [
        f"Not Found: /calendar/{TOKEN}.ics",
        f'"GET /calendar/{TOKEN}.ics HTTP/1.1" 200',
        f"https://north.example/accounts/password/reset/key/3f-{TOKEN}/",
        f"/some/new/way/{TOKEN}/confirm",
        f"/accounts/google/login/callback/?state=abc&code={TOKEN}",
        f"/C/{TOKEN}",
        f"/invitation/{TOKEN.replace('-', ':')}/",
    ],
)
def test_secret_parts_of_addresses_are_hidden(line: str) -> None:
    shown = without_secrets(line)
    assert HIDDEN in shown
    assert TOKEN not in shown
    assert TOKEN[5:] not in shown


@pytest.mark.parametrize(
    "line",
    [
        "Not Found: /api/v1/sessions/17",
        "/api/v1/jobs/5f1c1c9a-0f0e-4a52-8b1a-0123456789ab/file",
        'File "/srv/campus/apps/notifications/migrations/0002_contacts_and_limits.py", line 3',
        "Bad Request: /api/v1/reports/students-at-risk?from=2026-09-01",
        "Saved 3 of 4 rows.",
    ],
)
def test_other_lines_stay_readable(line: str) -> None:
    assert without_secrets(line) == line


def test_every_address_with_a_secret_in_it_is_hidden() -> None:
    """A new route with a token is covered, or this names it."""
    routes = [route for route, _view in every_route() if SECRET_NAMES.search(route)]
    assert len(routes) >= 3
    shown = [without_secrets("/" + SECRET_NAMES.sub(TOKEN, route)) for route in routes]
    assert [path for path in shown if TOKEN in path] == []


def test_every_handler_writes_through_the_formatter() -> None:
    config = django_settings.LOGGING
    for handler in config["handlers"].values():
        formatter = config["formatters"][handler["formatter"]]
        assert formatter["()"] == "apps.common.logs.RedactingFormatter"


def test_messages_arguments_and_tracebacks_are_cleaned() -> None:
    try:
        raise ValueError(f"/calendar/{TOKEN}.ics")
    except ValueError as error:
        facts: Any = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", 40, "x.py", 1, "at %s", (f"/calendar/{TOKEN}.ics",), facts)
    assert TOKEN not in RedactingFormatter("%(message)s").format(record)


def test_a_refused_feed_is_nowhere_in_the_audit_log_nor_on_the_error_page(cast: Cast) -> None:
    path = reverse("calendar-feed", args=[f"{cast.campus.pk}-{TOKEN[3:46]}"])
    answer = Client(headers={"host": cast.host}).get(path)
    assert answer.status_code == 404
    assert TOKEN[3:46] not in answer.content.decode()
    with campus_scope(cast.campus):
        assert TOKEN[3:46] not in str(list(Entry.objects.values_list()))


def test_the_web_server_logs_no_token_even_with_its_access_log(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = tmp_path / "hello.py"
    application.write_text(
        "def application(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n"
    )
    command = ["-m", "granian", "hello:application", "--interface", "wsgi", "--port", str(port)]
    options = ["--working-dir", str(tmp_path), "--access-log", "--log-config", str(LOG_CONFIG)]
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])
    env = environment(PYTHONPATH=paths)
    with running(*command, *options, log=tmp_path / "log", env=env) as script:
        url = f"http://127.0.0.1:{port}/calendar/{TOKEN}.ics"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        assert wait_until(answers, timeout=30)
        script.wait_for("/calendar/")
        script.wait_for(HIDDEN)
        assert not [line for line in script.lines if TOKEN in line]
