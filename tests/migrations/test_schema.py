"""The migrations, on a database of their own: what they make, what is lacking, down and up."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from apps.processes.embedded.postgres import find_postgres
from apps.tenants.migration_states import GrowingExecutor
from apps.tenants.schema import expected, missing_in, objects
from tests import services
from tests.template import PRISTINE
from tests.ops.running import ROOT, environment

RELEASES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("releases.json").read_text()
)
DATABASE = "migrated"
DEADLINE = 180

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(services.STACK is None, reason="makes a database of its own"),
]


def at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class Scratch:
    """An empty database, and `manage.py` on it."""

    def __init__(self, blocker: DjangoDbBlocker) -> None:
        assert services.STACK is not None
        self.layout = services.STACK.layout
        self.blocker = blocker

    def execute(self, statement: str, *, database: str = DATABASE) -> None:
        url = at(self.layout.superuser_url, database)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        env = environment(
            DATABASE_URL=at(self.layout.app_url, DATABASE),
            DATABASE_OWNER_URL=at(self.layout.owner_url, DATABASE),
            REDIS_URL=self.layout.redis_url,
            CAMPUS_VAR=str(self.layout.var),
            DJANGO_SETTINGS_MODULE="campus.settings.test",
        )
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def migrate(self, *arguments: str) -> None:
        outcome = self.manage("migrate", "-v0", *arguments)
        assert outcome.returncode == 0, outcome.stderr

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A new one as the owner: a start of `manage.py` for every look takes two seconds."""
        connections.databases[DATABASE] = {**connections.databases["owner"], "NAME": DATABASE}
        try:
            with self.blocker.unblock():
                yield connections[DATABASE]
        finally:
            connections[DATABASE].close()
            del connections[DATABASE], connections.databases[DATABASE]

    def objects(self) -> list[str]:
        with self.connection() as connection:
            return objects(connection)

    def lacks(self) -> list[str]:
        """What `manage.py schema` would say is missing."""
        with self.connection() as connection:
            return missing_in(connection)

    def create(self, *, migrated: bool = False) -> None:
        like = f" TEMPLATE {PRISTINE}" if migrated else ""
        self.execute(f"CREATE DATABASE {DATABASE}{like} OWNER campus_owner", database="postgres")

    def drop(self) -> None:
        self.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)", database="postgres")

    def client(self, name: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the superuser, on this database."""
        url = at(self.layout.superuser_url, DATABASE)
        command = [find_postgres() / name, "--dbname", url, *arguments]
        subprocess.run(command, check=True, timeout=DEADLINE)


@pytest.fixture(scope="module")
def scratch(django_db_blocker: DjangoDbBlocker) -> Iterator[Scratch]:
    """Migrated from nothing, when the template of this run was made."""
    made = Scratch(django_db_blocker)
    made.create(migrated=True)
    made.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM public")
    made.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO campus_app")
    yield made
    made.drop()


def test_they_make_everything_that_is_listed(scratch: Scratch) -> None:
    assert len(expected()) > 1500
    assert scratch.lacks() == []
    assert "The schema is complete." in scratch.manage("schema").stdout
    assert scratch.objects() == expected()  # nor is anything of today's left out of the list


DAMAGES: Final = {
    "scan_at": ("DROP INDEX scan_at", "CREATE INDEX scan_at ON qr_otp_scan (campus_id, at)"),
    "student_year_on_insert": (
        "ALTER TABLE accounts_student DISABLE TRIGGER student_year_on_insert",
        "ALTER TABLE accounts_student ENABLE TRIGGER student_year_on_insert",
    ),
    "row security accounts_student": (
        "ALTER TABLE accounts_student NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE accounts_student FORCE ROW LEVEL SECURITY",
    ),
}


def test_what_a_database_lacks_is_named_and_refused(scratch: Scratch) -> None:
    """An index, a trigger, a wall: `migrate` has nothing to apply, and says what is missing."""
    for damage, _mend in DAMAGES.values():
        scratch.execute(damage)
    try:
        migrated = scratch.manage("migrate")
        started = scratch.manage("shell", "--no-imports", "-c", "import campus.wsgi")
    finally:
        for _damage, mend in DAMAGES.values():
            scratch.execute(mend)
    assert "No migrations to apply." in migrated.stdout
    assert migrated.returncode == 1
    assert started.returncode != 0
    for name in DAMAGES:
        assert name in migrated.stderr
        assert name in started.stderr
    assert scratch.lacks() == []


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_a_release_becomes_todays(scratch: Scratch, release: str) -> None:
    """Back to what that release had applied, by the steps down, and up again."""
    with scratch.connection() as connection:  # one plan: a command for each app takes minutes
        GrowingExecutor(connection).migrate(list(RELEASES[release].items()))
    assert scratch.lacks() != []
    scratch.migrate()
    assert scratch.lacks() == []


def test_every_app_goes_down_and_up_again(scratch: Scratch) -> None:
    """Everything of ours is undone, function by function, and made again."""
    scratch.migrate("tenants", "zero")
    assert scratch.objects() == []
    scratch.migrate()
    assert scratch.lacks() == []


def test_a_restored_dump_is_complete(scratch: Scratch, tmp_path: Path) -> None:
    """PostgreSQL writes its expressions with other casts and brackets than before."""
    dump = str(tmp_path / "dump")
    scratch.client("pg_dump", "--format", "custom", "--file", dump)
    scratch.drop()
    scratch.create()
    scratch.client("pg_restore", dump)
    assert scratch.objects() != expected()
    assert scratch.lacks() == []


@pytest.mark.parametrize("setting", ["datestyle = 'German, DMY'", "timezone = 'Asia/Tokyo'"])
def test_settings_of_a_database_change_nothing(scratch: Scratch, setting: str) -> None:
    name = setting.partition(" ")[0]
    scratch.execute(f"ALTER DATABASE {DATABASE} SET {setting}")
    try:
        assert scratch.lacks() == []
    finally:
        scratch.execute(f"ALTER DATABASE {DATABASE} RESET {name}")
