"""`manage.py doctor` and the page of the platform's health: what is wrong is found and named."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.management import CommandError, call_command
from django.db.migrations import Migration
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.biometrics.services.images import image_store
from apps.common.cache import ask_server
from apps.notifications import circuit_breaker
from apps.ops import disk, heartbeats
from apps.ops.diagnosis import (
    FAIL,
    OK,
    WARN,
    Found,
    Look,
    check_names,
    database,
    diagnose,
    services,
)
from apps.ops.queues import queue_names
from apps.tenants import schema
from apps.tenants.scope import campus_scope
from tests.biometrics.support import plain_jpeg
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MOMENT = NOW.timestamp()


@pytest.fixture(autouse=True)
def no_signs() -> Iterator[None]:
    def forget() -> None:
        heartbeats._last.clear()
        names = [heartbeats.KEY, *queue_names()]
        ask_server(lambda client: client.delete(*names), otherwise=None)

    forget()
    yield
    forget()


def all_alive(*, at: float = MOMENT) -> None:
    heartbeats.beats("worker:one", queues=queue_names(), at=at)
    heartbeats.beats("beat", at=at)
    for name in queue_names():
        heartbeats.beats(f"queue:{name}", at=at)


def found(*names: str, now: datetime = NOW, everything: bool = False) -> list[Found]:
    return diagnose(Look(now=now, everything=everything), names=names)


def levels(*names: str, **options: Any) -> set[str]:
    return {one.level for one in found(*names, **options)}


def doctor(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_a_healthy_platform(cast: Cast) -> None:
    all_alive(at=timezone.now().timestamp())
    status, text = doctor("--json", "--all")
    body = json.loads(text)
    assert [one for one in body["checks"] if one["level"] == FAIL] == []
    assert {one["check"] for one in body["checks"]} == set(check_names())
    assert status == 0
    assert body["status"] == WARN  # nothing is backed up here
    assert doctor("backups", "--fail-on=warn")[0] == 1
    assert doctor("backups")[0] == 0


def test_every_line_that_is_not_well_says_what_to_do(cast: Cast) -> None:
    bad = [one for one in diagnose(Look(now=NOW)) if one.level != OK]
    assert bad
    assert [one for one in bad if not one.advice] == []


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(CommandError):
        doctor("weather")


# --- Workers, beat, queues --------------------------------------------------------------------


def test_without_any_sign_of_life_workers_and_beat_fail() -> None:
    assert levels("workers") == levels("beat") == {FAIL}
    assert len(found("workers")) == len(queue_names()) == 4


def test_workers_that_froze_are_found() -> None:
    all_alive()
    assert levels("workers", "beat", now=NOW + timedelta(seconds=59)) == {OK}
    later = NOW + timedelta(seconds=61)
    assert levels("beat", now=later) == {FAIL}
    assert FAIL in levels("workers", now=later)


def test_a_queue_that_nobody_takes_is_found() -> None:
    heartbeats.beats("worker:one", queues=["default", "notifications", "imports"], at=MOMENT)
    failing = [one.text for one in found("workers") if one.level == FAIL]
    assert failing == ["No worker of the queue faces gives a sign of life."]


def test_a_worker_whose_processes_do_nothing_is_found() -> None:
    """Its parent lives on and gives signs; the queue's proof does not come."""
    all_alive()
    later = NOW + timedelta(minutes=6)
    heartbeats.beats("worker:one", queues=queue_names(), at=later.timestamp())
    assert levels("workers", now=later) == {WARN}


def test_a_worker_that_is_gone_for_good_is_forgotten() -> None:
    all_alive()
    heartbeats.beats("worker:two", queues=queue_names(), at=MOMENT - 7200)
    assert levels("workers") == {OK}


@pytest.mark.parametrize(("queue", "age", "level"), [
    ("default", 10, OK),
    ("default", 200, WARN),
    ("default", 1000, FAIL),
    ("imports", 200, OK),
])  # fmt: skip
def test_how_long_messages_wait(queue: str, age: float, level: str) -> None:
    message = json.dumps({"headers": {"sent_at": MOMENT - age}})
    ask_server(lambda client: client.lpush(queue, "{}", message), otherwise=None)
    line = next(one for one in found("queues") if one.text.startswith(f"{queue}:"))
    assert line.level == OK  # the oldest stands last
    ask_server(lambda client: client.rpush(queue, message), otherwise=None)
    line = next(one for one in found("queues") if one.text.startswith(f"{queue}:"))
    assert (line.level, f"the oldest for {age} s" in line.text) == (level, True)


def test_a_lost_valkey_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("apps.ops.heartbeats", "apps.ops.queues", "apps.ops.diagnosis.services"):
        monkeypatch.setattr(f"{name}.ask_server", lambda _call, otherwise: otherwise)
    assert levels("workers", "beat", "queues", "valkey") == {FAIL}


# --- Database ---------------------------------------------------------------------------------


def test_missing_objects_migrations_and_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [*schema.expected(), "index CREATE UNIQUE INDEX one_mark ON public.nowhere (id)"]
    monkeypatch.setattr(schema, "expected", lambda: lines)
    monkeypatch.setattr(database, "EXTENSIONS", ("vector", "postgis"))
    assert "one_mark" in found("schema")[0].text
    assert found("extensions")[0].text.endswith("postgis")
    assert levels("schema", "extensions") == {FAIL}
    plan = [(Migration("0009_more", "portal"), False)]
    monkeypatch.setattr(database.MigrationExecutor, "migration_plan", lambda *_: plan)
    assert "portal 0009_more" in found("migrations")[0].text


def test_rights_that_differ_from_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {**database.TABLES, "audit_entry": ("SELECT",), "tenants_masterkey": ("DELETE",)}
    monkeypatch.setattr(database, "TABLES", changed)
    texts = [one.text for one in found("roles")]
    assert any("lacks rights: DELETE on tenants_masterkey" in text for text in texts)
    assert any("INSERT on audit_entry" in text for text in texts)


def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        @staticmethod
        def time() -> float:
            return timezone.now().timestamp() - 3

    monkeypatch.setattr(database, "time", Late)
    assert levels("clock") == {WARN}


# --- Keys and what they sealed ----------------------------------------------------------------


def test_another_master_key(settings: Any) -> None:
    settings.CAMPUS_MASTER_KEY = bytes(range(1, 33))
    assert levels("keys") == {FAIL}


@pytest.fixture
def image(cast: Cast, now: datetime) -> str:
    with campus_scope(cast.campus):
        return image_store(data=plain_jpeg("white"), now=now, kept_for=timedelta(days=1)).key


def test_an_image_that_was_damaged_or_lost(cast: Cast, image: str) -> None:
    assert levels("sealed") == {OK}
    default_storage.delete(image)
    lost = found("sealed")
    assert (lost[0].level, "FileNotFoundError" in lost[0].text) == (FAIL, True)
    default_storage.save(image, ContentFile(b"x" * 100))
    broken = found("sealed")
    assert (broken[0].level, "SealBroken" in broken[0].text) == (FAIL, True)
    default_storage.delete(image)


# --- Services ---------------------------------------------------------------------------------


class Forgetful(InMemoryStorage):
    """Answers, and keeps nothing."""

    def _save(self, name: str, content: Any) -> str:
        content.file.seek(0)
        return super()._save(name, type(content)(b"other bytes"))


def test_a_store_that_keeps_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "default_storage", Forgetful())
    assert levels("storage") == {FAIL}


@pytest.mark.parametrize(("free", "level"), [(50, OK), (10, WARN), (2, FAIL)])
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    class Disk:
        total, used = 100 * 10**9, 0

    Disk.free = free * 10**9  # type: ignore[attr-defined]
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _place: Disk)
    assert levels("disk") == {level}


def test_a_provider_that_fails() -> None:
    circuit_breaker.fails(name="email", error="x", retry_after=None, now=NOW)
    assert FAIL in levels("providers")


def test_a_mail_server_that_is_away(settings: Any) -> None:
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert levels("mail") == {FAIL}


@pytest.mark.parametrize(("days", "level"), [(60, OK), (10, WARN), (1, FAIL), (-1, FAIL)])
def test_certificates(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch, days: int, level: str
) -> None:
    settings.PUBLIC_SCHEME, settings.PUBLIC_PORT = "https", ""
    end = MOMENT + days * 86400 + 3600
    monkeypatch.setattr(services, "certificate_end", lambda _host, limits: end)
    assert levels("certificates") == {level}


def test_a_host_without_https(cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUBLIC_SCHEME, settings.PUBLIC_PORT = "https", ""

    def refused(_host: str, limits: Any) -> float:
        raise ConnectionRefusedError

    monkeypatch.setattr(services, "certificate_end", refused)
    assert levels("certificates") == {FAIL}


def test_a_check_that_breaks_is_a_failure_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "SKEW_SECONDS", None)
    assert levels("clock") == {FAIL}
    assert len(diagnose(Look(now=NOW), names=["clock", "disk"])) > 1


# --- The page ---------------------------------------------------------------------------------


def page_of(cast: Cast, user: Any) -> str:
    client = Client(headers={"host": cast.host})
    client.force_login(user)
    answer = client.get("/health/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_names_machines_to_platform_administrators_alone(cast: Cast) -> None:
    root = User.objects.create_superuser("root@platform.example", PASSWORD)
    all_alive(at=timezone.now().timestamp())
    heartbeats._last.clear()
    heartbeats.beats("beat", at=1000.0)
    full = page_of(cast, root)
    assert "worker:one" in full
    assert "No worker has looked at the backups" in full
    for user in (cast.operator, cast.admin):
        short = page_of(cast, user)
        assert "Does not work" in short  # beat
        assert "worker:one" not in short
        assert "DATABASE_URL" not in short
