"""What opens something without a sign-in never stands in a log."""

import logging
import os
import re
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.models import Entry
from apps.common.logs import HIDDEN, RedactingFormatter, without_secrets
from apps.ops.fleet import LOG_CONFIG
from apps.processes.embedded.postgres import DEFAULT_OPTIONS as POSTGRES_OPTIONS
from apps.processes.embedded.valkey import DEFAULT_OPTIONS
from apps.processes.spawning import wait_until
from apps.tenants.scope import campus_scope
from campus.settings.errors import scrubbed
from tests.factories import Cast
from tests.ops.running import ROOT, environment, running
from tests.test_permissions import every_route

TOKEN = "12-aB3xY_9kQ-pLmN0oPqRsTuVwXyZ0123456789abcdefgh"
FORMATTERS = ("apps.common.logs.RedactingFormatter", "apps.common.logs.JsonFormatter")
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


PEOPLE = ("anna.b+x", "anna", "Berger", "1711234567", "171 1234567", "555-0143")


@pytest.mark.parametrize(
    "line",
    [
        "UniqueViolation: Key (email)=(anna@north.example) already exists.",
        "DETAIL:  Failing row contains (1, Anna, Berger, 2008-01-01, anna@x.org).\nCONTEXT: b",
        'DETAIL:  Key (campus_id, code)=(3, Berger) is not present in table "student".',
        "CONTEXT:  unnamed portal parameters: $1 = 'Berger', $2 = '7'",
        "to=<anna.b+x@mail.uni.example>, relay=mx.uni.example",
        "GET /api/v1/search?q=anna%40north.example&phone=%2B491711234567",
        "'argsrepr': \"('anna@north.example', 'north.example')\"",
        "SMS to +49 171 1234567 failed: Berger@uni.example",
        "+1 (202) 555-0143 is no number",
    ],
)
def test_people_are_hidden(line: str) -> None:
    shown = without_secrets(line)
    assert HIDDEN in shown
    assert [name for name in PEOPLE if name.lower() in shown.lower()] == []


def test_a_refused_row_tells_the_log_and_the_tracker_nothing_of_people(cast: Cast) -> None:
    """PostgreSQL quotes the row that it refuses, and Django hands it on."""
    email = cast.student.email
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        User.objects.create(email=email)
    told = str(refused.value)
    assert email in told
    event = scrubbed({"exception": {"values": [{"type": "IntegrityError", "value": told}]}})
    for shown in (without_secrets(told), event["exception"]["values"][0]["value"]):
        assert email not in shown
        assert "user_email_unique" in shown  # what went wrong is still told


def test_a_long_line_is_cleaned_in_no_time() -> None:
    for text in ("-" * 200_000, "a@" * 100_000, "+1" * 100_000, "%40" * 70_000, "a.b-" * 50_000):
        started = time.perf_counter()
        without_secrets(text)
        assert time.perf_counter() - started < 1, text[:4]


def test_the_slow_log_keeps_nothing() -> None:
    """It would keep the beginning of queued tasks, with the address that asks for a password."""
    assert DEFAULT_OPTIONS["slowlog-log-slower-than"] == "-1"
    compose = (ROOT / "docker-compose.yml").read_text()
    assert "'slowlog-log-slower-than -1'" in compose
    assert "log_error_verbosity=terse" in compose
    assert POSTGRES_OPTIONS["log_error_verbosity"] == "terse"


@pytest.mark.parametrize(
    "line",
    [
        "celery@host.example.org ready",
        "[2026-11-29 06:08:20 +0000] 127.0.0.1",
        "2026-11-29T06:08:20.547+00:00 worker1@north",
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
        assert formatter["()"] in FORMATTERS


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
