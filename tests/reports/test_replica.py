"""Reports from a real streaming replica: used, never stale, and left alone where it is away."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from django.db import OperationalError, connections
from pytest_django.fixtures import Settings

from apps.accounts.models import Student
from apps.ops.diagnosis import Look, diagnose
from apps.processes.embedded import EmbeddedPostgres, Layout
from apps.processes.embedded.postgres import find_postgres
from apps.processes.spawning import wait_until
from apps.tenants import replica
from apps.tenants.replica import REPLICA, on_replica, reading_alias, replica_is_ready
from apps.tenants.scope import campus_scope
from campus.settings import base
from tests import services
from tests.accounts.support import at, tokens
from tests.factories import Cast, make_cast, make_student
from tests.ops.running import DEADLINE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("standby"),
    pytest.mark.django_db(transaction=True, databases=["default", REPLICA]),
    pytest.mark.skipif(services.STACK is None, reason="copies the servers of the tests"),
]

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
STUDENTS = 4  # of a cast


class Standby(EmbeddedPostgres):
    """Follows the tests' own server, which sets up what it contains."""

    def _after_start(self) -> None:
        """Nothing can be written here."""


@pytest.fixture(scope="module")
def standby(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Standby]:
    """A copy of the tests' own server that follows it, as `DATABASE_REPLICA_URL`."""
    assert services.STACK is not None
    primary = services.STACK.layout
    layout = Layout(tmp_path_factory.mktemp("replica") / "var")
    layout.make_directories()
    command: list[str | Path] = [find_postgres() / "pg_basebackup", "-D", layout.postgres_data]
    command += ["-d", primary.superuser_url, "--wal-method=stream", "--checkpoint=fast"]
    command += ["--write-recovery-conf", "--no-sync"]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    server = Standby(layout, options={"fsync": "off", "hot_standby": "on"})
    server.start()
    default = connections.databases["default"]
    url = f"{layout.app_url.rpartition('/')[0]}/{default['NAME']}"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DATABASE_REPLICA_URL", url)
        connections.databases[REPLICA] = {**default, **base.replica()[REPLICA]}
    yield server
    del connections[REPLICA], connections.databases[REPLICA]
    server.stop()


@pytest.fixture
def follower(
    standby: Standby, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Standby]:
    """With patience for a busy machine, and no memory of earlier tests."""
    settings.REPLICA_WAIT_SECONDS = 20.0
    monkeypatch.setattr(replica, "_pause", {})
    yield standby
    with suppress(OperationalError):
        connections[REPLICA].close()


@pytest.fixture
def cast() -> Cast:
    return make_cast("north")


def superuser(server: EmbeddedPostgres) -> Any:
    return psycopg.connect(server.layout.superuser_url, autocommit=True)


def server_read() -> tuple[str, int]:
    """Which place a report would read, and how many students it would see there."""
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_student")
        (raw,) = cursor.fetchone()
    assert raw == Student.objects.count()
    return reading_alias(), raw


def ask(cast: Cast) -> tuple[str, int]:
    with campus_scope(cast.campus, for_request=True):
        return on_replica(server_read)


def test_what_was_just_saved_is_read_there(follower: Standby, cast: Cast) -> None:
    """Ten times in a row, each right after a commit."""
    for number in range(10):
        with campus_scope(cast.campus):
            make_student(f"NEW{number}")
        assert ask(cast) == (REPLICA, STUDENTS + 1 + number)


def test_no_row_of_another_campus_is_seen_there(follower: Standby, cast: Cast) -> None:
    other = make_cast("south")
    with campus_scope(other.campus):
        make_student("MORE")
    assert ask(cast) == (REPLICA, STUDENTS)
    assert ask(other) == (REPLICA, STUDENTS + 1)
    with connections[REPLICA].cursor() as cursor:  # outside every scope
        cursor.execute("SELECT count(*) FROM accounts_student")
        assert cursor.fetchone() == (0,)


def test_the_scope_of_the_primary_holds_afterwards(follower: Standby, cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert on_replica(server_read) == (REPLICA, STUDENTS)
        make_student("AFTER")
        assert Student.objects.count() == STUDENTS + 1
        # This transaction has written: only the primary knows of it.
        assert on_replica(server_read) == ("default", STUDENTS + 1)


def test_nothing_can_be_written_there(follower: Standby, cast: Cast) -> None:
    """Writes go to the primary, whatever reads."""

    def write() -> str:
        return str(make_student("WRITTEN")._state.db)

    with campus_scope(cast.campus):
        assert on_replica(write) == "default"
    assert ask(cast) == (REPLICA, STUDENTS + 1)


@pytest.fixture
def paused(follower: Standby) -> Iterator[Standby]:
    """It is there and does not get any further."""
    with superuser(follower) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        yield follower
        connection.execute("SELECT pg_wal_replay_resume()")


def test_a_replica_that_is_behind_is_not_read(
    paused: Standby, cast: Cast, settings: Settings
) -> None:
    settings.REPLICA_WAIT_SECONDS = 0.05
    with campus_scope(cast.campus):
        make_student("LATE")
    assert ask(cast) == ("default", STUDENTS + 1)
    with superuser(paused) as connection:
        connection.execute("SELECT pg_wal_replay_resume()")
    settings.REPLICA_WAIT_SECONDS = 20.0
    assert ask(cast) == (REPLICA, STUDENTS + 1)  # at once: being behind is no reason for a pause


def test_a_replica_that_is_away_is_left_alone_for_a_while(
    follower: Standby, cast: Cast, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(cast) == (REPLICA, STUDENTS)
    follower.stop()
    assert ask(cast) == ("default", STUDENTS)
    assert ask(cast) == ("default", STUDENTS)
    assert caplog.text.count("Reports are read from the primary server") == 1
    follower.start()
    monkeypatch.setattr(replica, "_pause", {})
    assert wait_until(lambda: ask(cast) == (REPLICA, STUDENTS), timeout=DEADLINE)


def test_a_replica_that_hangs_costs_a_moment_and_nothing_else(
    follower: Standby, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The primary goes on being asked: the breaker of hanging servers is not of this one."""
    assert ask(cast) == (REPLICA, STUDENTS)
    assert follower._process is not None
    os.killpg(follower._process.pid, signal.SIGSTOP)
    backends = _backends(follower)
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert ask(cast) == ("default", STUDENTS)
        connections["default"].close()
        assert ask(cast) == ("default", STUDENTS)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        os.killpg(follower._process.pid, signal.SIGCONT)


def _backends(server: EmbeddedPostgres) -> list[int]:
    assert server._process is not None
    return [child.pid for child in psutil.Process(server._process.pid).children(recursive=True)]


def test_what_fails_there_is_read_again_from_the_primary(follower: Standby, cast: Cast) -> None:
    """A replica ends a statement that needs rows which the primary has removed."""
    places = []

    def read() -> int:
        places.append(reading_alias())
        if places == [REPLICA]:
            with superuser(follower) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = 'campus_app'"
                )
        return Student.objects.count()

    with campus_scope(cast.campus):
        assert on_replica(read) == STUDENTS
    assert places == [REPLICA, "default"]


def test_a_server_that_follows_no_other_is_refused(
    follower: Standby, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The database itself, given as its replica by mistake, or one that was promoted."""
    owner = connections["owner"].settings_dict  # never by a pooler
    monkeypatch.setitem(connections[REPLICA].settings_dict, "HOST", owner["HOST"])
    connections[REPLICA].close()
    with campus_scope(cast.campus):
        assert not replica_is_ready()
    assert "follows no other" in caplog.text


def doctor() -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in diagnose(Look(now=NOW), names=["replica"])]


def test_the_doctor_says_how_it_is(
    follower: Standby, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(cast) == (REPLICA, STUDENTS)
    ((level, text),) = doctor()
    assert (level, text.rpartition(" s ")[2]) == ("ok", "behind.")
    owner = connections["owner"].settings_dict  # never by a pooler
    with monkeypatch.context() as patched:
        patched.setitem(connections[REPLICA].settings_dict, "HOST", owner["HOST"])
        connections[REPLICA].close()
        assert [level for level, _text in doctor()] == ["fail"]
        patched.setitem(connections[REPLICA].settings_dict, "HOST", "/nowhere")
        connections[REPLICA].close()
        assert [level for level, _text in doctor()] == ["warn"]
    connections[REPLICA].close()
    monkeypatch.delitem(connections.databases, REPLICA)
    assert [level for level, _text in doctor()] == ["ok"]


def test_without_one_nothing_is_asked(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Callable[..., Any]
) -> None:
    monkeypatch.delitem(connections.databases, REPLICA)
    with campus_scope(cast.campus), django_assert_num_queries(0):
        assert on_replica(reading_alias) == "default"


def test_reports_of_the_api_come_from_there(
    follower: Standby, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[str] = []

    def noted(read: Callable[[], Any]) -> Any:
        def reading() -> Any:
            places.append(reading_alias())
            return read()

        return on_replica(reading)

    monkeypatch.setattr("apps.reports.writing.on_replica", noted)
    token = tokens(at(cast.host), cast.admin.email)["access_token"]
    client = at(cast.host, authorization=f"Bearer {token}")
    for name in ("attendance", "defaulters", "consecutive-absences", "statistics"):
        answer = client.get(f"/api/v1/reports/{name}")
        assert answer.status_code == 200, answer.content
    assert set(places) == {REPLICA}
