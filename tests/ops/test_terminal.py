"""What `up` shows: sign-ins last, no routine, one line for each e-mail."""

import logging
import time
from email import message_from_bytes
from io import StringIO
from logging.config import DictConfigurator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from apps.ops.bringup import StartNotice
from apps.ops.heartbeats import BEAT, all_live, beats
from apps.ops.queues import queue_names
from apps.processes.output import ROUTINE, PrefixedOutput

BACKEND = "apps.ops.mail_files.MailFiles"


def written(log_format: str, *, level: int, logger: str, message: str) -> str:
    """The line that this installation's logging makes of it; `bare`: a line without a time."""
    if log_format == "bare":
        return f"{logging.getLevelName(level)} {logger}: {message}"
    formatter = DictConfigurator(settings.LOGGING).configure_formatter(
        dict(settings.LOGGING["formatters"][log_format])
    )
    record = logging.LogRecord(logger, level, __file__, 1, message, None, None)
    return formatter.format(record)


@pytest.mark.parametrize("log_format", ["text", "json", "bare"])
@pytest.mark.parametrize(
    ("level", "logger", "message", "shown"),
    [
        (logging.INFO, "celery.app.trace", "Task a.b[1] succeeded in 0.01s: 0", False),
        (logging.INFO, "celery.worker.strategy", "Task a.b[1] received", False),
        (logging.INFO, "celery.beat", "Scheduler: Sending due task a (a.b)", False),
        (logging.INFO, "apps.tenants.selectors", "Visiting every campus: seal entries", False),
        (logging.ERROR, "celery.app.trace", "Task a.b[1] raised: ValueError()", True),
        (logging.INFO, "celery.apps.worker", "faces@host ready.", True),
        (logging.INFO, "celery.beats", "INFO celery.beat: told by another", True),
        (logging.WARNING, "apps.ops.mail_files", "E-mail to a@b.example: “Welcome”", True),
    ],
)
def test_routine_is_left_out_unless_asked_for(
    log_format: str, level: int, logger: str, message: str, shown: bool
) -> None:
    line = written(log_format, level=level, logger=logger, message=message)
    quiet, full = StringIO(), StringIO()
    PrefixedOutput(quiet, names=["worker"], colour=False, hidden=ROUTINE).line("worker", line)
    PrefixedOutput(full, names=["worker"], colour=False).line("worker", line)
    assert full.getvalue() == f"worker | {line}\n"
    assert quiet.getvalue() == (full.getvalue() if shown else "")


@pytest.mark.parametrize("ready", [True, False])
def test_the_sign_ins_are_the_last_lines_and_shown_once(
    monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    """Also where it is stopped before it was ready: they are shown this once."""
    monkeypatch.setattr("apps.ops.bringup.answers", lambda _url: True)
    monkeypatch.setattr("apps.ops.bringup.all_live", lambda **_: True)
    stream = StringIO()
    output = PrefixedOutput(stream, names=["up"], colour=False)
    notice = StartNotice("http://localhost:8000/", output=output, last="\nRole\nstudent  secret\n")
    if ready:
        assert notice._answered.wait(10)
        notice.make_when_due()
    notice.say_last()
    lines = stream.getvalue().splitlines()
    assert lines[-2:] == ["up | Role", "up | student  secret"]
    assert lines.count("up | Role") == 1


def test_ready_is_said_when_workers_and_beat_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ops.bringup.answers", lambda _url: True)
    output = PrefixedOutput(StringIO(), names=["up"], colour=False)
    notice = StartNotice("http://localhost:8000/", output=output)
    monkeypatch.setattr("apps.ops.heartbeats._last", {})
    queues = queue_names()
    assert not notice._answered.wait(1)
    beats("worker:one@host", queues=queues[1:])
    beats(BEAT)
    assert not notice._answered.wait(1), "one queue has no worker"
    beats("worker:two@host", queues=queues[:1])
    assert notice._answered.wait(10)
    assert not all_live(queues=queues, since=time.time() + 1)


def test_it_is_said_as_well_where_they_never_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ops.bringup.answers", lambda _url: True)
    monkeypatch.setattr("apps.ops.bringup.WORKERS_SECONDS", 0.1)
    output = PrefixedOutput(StringIO(), names=["up"], colour=False)
    assert StartNotice("http://localhost:8000/", output=output)._answered.wait(10)


def test_an_email_is_a_file_and_a_line(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.MAIL_FOLDER = tmp_path / "mail"
    message = EmailMultiAlternatives("Your password", "Plain", "from@a.example", ["to@b.example"])
    message.attach_alternative("<p>HTML</p>", "text/html")
    with caplog.at_level(logging.WARNING):
        assert get_connection(BACKEND).send_messages([message, message]) == 2
    files = sorted((tmp_path / "mail").iterdir())
    assert [message_from_bytes(file.read_bytes())["To"] for file in files] == ["to@b.example"] * 2
    assert [record.getMessage() for record in caplog.records] == [
        f"E-mail to to@b.example: “Your password” ({file})" for file in files
    ]
