"""A process under another master key than the database's does not start, and says why."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core import checks
from django.core.management import CommandError, call_command, get_commands
from django.db import connection, connections
from django.test import Client

from apps.audit.services import SYSTEM, log_event
from apps.common.crypto import check_value, fingerprint
from apps.tenants import master_key
from apps.tenants.checks import master_key_check
from apps.tenants.master_key import (
    MasterKeyRefused,
    UnprovenMasterKey,
    WrongMasterKey,
    record_master_key,
)
from apps.tenants.models import MasterKey
from apps.tenants.scope import campus_scope
from tests.factories import make_campus

ROOT = Path(__file__).resolve().parents[2]
OTHER_KEY = bytes(range(100, 132))
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture(autouse=True)
def _unknown(db: None) -> Iterator[None]:
    """The database knows no key, until a test records one; the next tests find theirs again."""

    def forget() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("DELETE FROM tenants_masterkey")

    forget()
    yield
    forget()
    record_master_key(owner="owner")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """The database knows the key of the tests; nobody has compared it yet."""
    monkeypatch.setattr(master_key, "_confirmed", {})
    record_master_key(owner="owner")
    connections.close_all()
    yield check_value(project.CAMPUS_MASTER_KEY)
    connections.close_all()


def environment(key: bytes) -> dict[str, str]:
    """Of a process that is started as an operator starts it, against the database of the tests."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "campus.settings.dev",
        "CAMPUS_MASTER_KEY": key.hex(),
        "SECRET_KEY": "x" * 60,
    }


def started(key: bytes, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment(key),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


CELERY = ("-m", "celery", "-A", "campus")
# Filled in by the test: beat deletes a schedule that it cannot read, as root a device too.
SCHEDULE = "{folder}/schedule"


@pytest.mark.parametrize(
    "command",
    [
        ("-c", "import campus.wsgi"),
        ("-c", "import campus.asgi"),
        (*CELERY, "worker", "--pool=solo", "--queues=nobody", "--without-mingle"),
        (*CELERY, "beat", f"--schedule={SCHEDULE}"),
        ("manage.py", "verify_audit"),
        ("manage.py", "audit_roots"),
        ("manage.py", "migrate"),
        ("manage.py", "notifications", "--status"),
        ("manage.py", "load_demo"),
        ("manage.py", "shell", "-c", "from apps.tenants.models import *; Campus.objects.count()"),
    ],
    ids=lambda command: " ".join(command[-3:]),
)
def test_nothing_starts_under_another_key(
    recorded: bytes, tmp_path: Path, command: tuple[str, ...]
) -> None:
    outcome = started(OTHER_KEY, *(part.replace("{folder}", str(tmp_path)) for part in command))
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode != 0, said
    assert fingerprint(recorded) in said
    assert fingerprint(check_value(OTHER_KEY)) in said
    assert OTHER_KEY.hex() not in said


def test_the_right_key_starts(recorded: bytes) -> None:
    for command in (("-c", "import campus.wsgi"), ("manage.py", "verify_audit")):
        outcome = started(project.CAMPUS_MASTER_KEY, *command)
        assert outcome.returncode == 0, outcome.stderr


def test_commands_that_need_no_database_run_under_any_key(recorded: bytes) -> None:
    assert started(OTHER_KEY, "manage.py", "notifications", "--new-vapid-key").returncode == 0
    assert started(OTHER_KEY, "manage.py", "makemigrations", "--help").returncode == 0


def test_the_first_connection_is_refused_and_closed(recorded: bytes, settings: Any) -> None:
    settings.CAMPUS_MASTER_KEY = OTHER_KEY
    for _again in range(2):
        with pytest.raises(WrongMasterKey, match=fingerprint(recorded)):
            make_campus("north")
        assert connection.connection is None
    settings.CAMPUS_MASTER_KEY = project.CAMPUS_MASTER_KEY


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/me", "json"), ("/", "text/plain")])
def test_a_web_server_that_started_without_its_database_refuses(
    recorded: bytes, settings: Any, path: str, kind: str
) -> None:
    connection.close()
    settings.CAMPUS_MASTER_KEY = OTHER_KEY
    answer = Client(headers={"host": "north.example"}).get(path)
    settings.CAMPUS_MASTER_KEY = project.CAMPUS_MASTER_KEY
    assert answer.status_code == 503
    assert kind in answer["Content-Type"]
    assert "not set up correctly and saves nothing" in answer.content.decode()
    assert fingerprint(recorded) not in answer.content.decode()


def test_it_is_asked_once_for_each_process(
    recorded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = master_key.recorded_value
    monkeypatch.setattr(
        master_key, "recorded_value", lambda found: (asked.append(1), real(found))[1]
    )
    for _again in range(3):
        connection.ensure_connection()
        connection.close()
    assert asked == [1]


def test_deploy_check_reports_it(recorded: bytes, settings: Any) -> None:
    assert master_key_check() == []
    settings.CAMPUS_MASTER_KEY = OTHER_KEY
    (found,) = master_key_check()
    assert (found.id, found.level) == ("tenants.E001", checks.ERROR)
    assert fingerprint(recorded) in str(found.msg)


def test_deploy_check_asks_for_a_migration_where_no_key_is_known() -> None:
    (found,) = master_key_check()
    assert found.id == "tenants.W001"


def test_without_a_database_the_deploy_check_only_says_so() -> None:
    outcome = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env={
            **environment(OTHER_KEY),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "tenants.I001" in outcome.stderr


def test_migrate_notes_the_key_once(recorded: bytes) -> None:
    record_master_key(owner="owner")
    assert [bytes(row.check_value) for row in MasterKey.objects.all()] == [recorded]
    assert str(MasterKey.objects.get()) == fingerprint(recorded)


def test_an_older_log_under_another_key_is_not_adopted(settings: Any, now: Any) -> None:
    """An installation from before this: `migrate` under a wrong key does not make it right."""
    with campus_scope(make_campus("north")):
        log_event(actor=SYSTEM, action="test.first", now=now)
    settings.CAMPUS_MASTER_KEY = OTHER_KEY
    with pytest.raises(UnprovenMasterKey, match=fingerprint(check_value(OTHER_KEY))):
        call_command("migrate", verbosity=0)
    settings.CAMPUS_MASTER_KEY = project.CAMPUS_MASTER_KEY
    assert not MasterKey.objects.exists()


def test_an_older_log_with_entries_of_a_wrong_start_is_adopted(settings: Any, now: Any) -> None:
    right = project.CAMPUS_MASTER_KEY
    with campus_scope(make_campus("north")):
        log_event(actor=SYSTEM, action="test.first", now=now)
        settings.CAMPUS_MASTER_KEY = OTHER_KEY
        log_event(actor=SYSTEM, action="test.wrong_start", now=now)
    settings.CAMPUS_MASTER_KEY = right
    call_command("migrate", verbosity=0)
    assert MasterKey.objects.count() == 1


def test_the_check_value_tells_nothing_and_differs_for_each_key() -> None:
    values = {check_value(bytes([n]) * 32) for n in range(50)}
    assert len(values) == 50
    assert all(len(value) == 32 for value in values)
    assert fingerprint(bytes(range(32))) == "0001-0203-0405-0607"


def test_a_wrong_key_is_an_error_of_commands() -> None:
    assert issubclass(WrongMasterKey, CommandError)


# --- Every command -------------------------------------------------------------------------------

COMMANDS: dict[str, tuple[str, ...]] = {
    "archive_term": ("--campus=north", "--term=Fall 2026-2027", "--to=term.zip"),
    "audit_roots": (),
    "changepassword": ("boss@platform.example",),
    "create_campus": ("east", "--name=East", "--host=east.example", "--admin=a@east.example"),
    "create_super_admin": ("boss@platform.example",),
    "createsuperuser": ("--noinput", "--email=boss@platform.example"),
    "distribution": (),
    "erase_person": ("STUD", "--campus=north"),
    "export_registers": ("--campus=north",),
    "export_campus": ("north", "--to=.", "--passphrase-file=phrase"),
    "export_person": ("STUD", "--campus=north", "--to=person.zip"),
    "generate_sessions": ("--campus=north", "--from=2026-09-14", "--to=2026-09-15"),
    "import_campus": ("north.campus", "--commit", "--passphrase-file=phrase"),
    "import_legacy": ("sis", "old.json", "--campus=north"),
    "import_roster": ("students", "people.csv", "--campus=north"),
    "load_demo": (),
    "migrate": (),
    "notifications": ("--status",),
    "reembed": ("sface", "--campus=north"),
    "read_timetable_feed": ("Planner", "--campus=north"),
    "sync_oneroster": ("--campus=north",),
    "organize_snapshots": ("--campus=north",),
    "reissue_template_key": ("--campus=north",),
    "remove_campus": ("north",),
    "reset_demo": (),
    "schema": (),
    "send_test_message": ("--campus=north", "--to=stud@north.example"),
    "setup_link": (),
    "super_admin": ("boss@platform.example",),
    "verify_audit": (),
    "watch_camera": ("Door", "door.mp4", "--campus=north"),
}
ELSEWHERE = {
    "backup": "tests/backup/test_refusals.py",
    "restore": "tests/backup/test_refusals.py",
    "rotate_master_key": "compares both keys: tests/ops/test_rotate_master_key.py",
    "up": "migrates first, as the command does",
    "doctor": "says so among its lines, and fails: below",
    "evaluate_liveness": "no database",
    "evaluate_model": "no database",
    "fetch_models": "no database",
    "make_rosters": "no database",
    "verify_backup": "no database: the backup and its manifest alone",
    "simulate_class": "talks to a web server, which refuses",
}


def test_every_command_is_tried() -> None:
    ours = {name for name, app in get_commands().items() if str(app).startswith("apps.")}
    assert ours == COMMANDS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_works_under_another_key(
    recorded: bytes,
    settings: Any,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "phrase").write_text("correct horse battery staple\n")
    (tmp_path / "people.csv").write_text("id,name\nN1,Ada\n")
    (tmp_path / "old.json").write_text('{"students": [{"id": 1}]}')
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
    settings.CAMPUS_MASTER_KEY = OTHER_KEY
    with pytest.raises(MasterKeyRefused, match=fingerprint(recorded)):
        call_command(command, *COMMANDS[command])
    assert sorted(tmp_path.iterdir()) == before


def test_the_doctor_names_both_keys(recorded: bytes) -> None:
    outcome = started(OTHER_KEY, "manage.py", "doctor", "--quick")
    assert outcome.returncode != 0
    assert fingerprint(recorded) in outcome.stdout + outcome.stderr


def test_runserver_answers_nothing_under_another_key(recorded: bytes, tmp_path: Path) -> None:
    outcome = started(OTHER_KEY, "manage.py", "runserver", "--noreload", "127.0.0.1:0")
    assert outcome.returncode != 0
    assert fingerprint(recorded) in outcome.stdout + outcome.stderr
