"""The database server as backups see it: whole, with a role that row level security does not bind.

Every connection here is beside Django's: those are the application's, which sees one campus.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from apps.backup.errors import BackupFailed
from apps.processes.embedded import EmbeddedError
from apps.processes.embedded.postgres import find_postgres
from apps.processes.spawning import spawn

# Tables are read for minutes, and written alike everywhere: checksums are of their text.
SESSION: Final = {
    "statement_timeout": "0",
    "lock_timeout": "1min",
    "idle_in_transaction_session_timeout": "0",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "row_security": "off",  # an error where rows would be hidden
    "search_path": "public",
}
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",  # pragma: allowlist secret
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}
_FACTS: Final = """
    SELECT current_setting('server_version_num')::int / 10000 AS major,
        rolsuper OR rolbypassrls AS sees_all,
        rolsuper OR rolreplication AS may_copy,
        current_setting('summarize_wal', true) = 'on' AS summarizes,
        (SELECT count(*) FROM pg_tablespace) > 2 AS has_tablespaces
    FROM pg_roles WHERE rolname = current_user
"""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the server and our role on it can do."""

    major: int
    sees_all: bool
    may_copy: bool
    summarizes: bool
    has_tablespaces: bool


@dataclass(frozen=True)
class DatabaseServer:
    """One database and its server; `place` are parameters of libpq."""

    place: Mapping[str, Any]

    @property
    def database(self) -> str:
        return str(self.place["dbname"])

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Raises `BackupFailed` where it cannot be reached."""
        options = " ".join(f"-c {name}={_escaped(value)}" for name, value in SESSION.items())
        try:
            connection = psycopg.connect(
                **{**self.place, "options": options, "connect_timeout": 10}, autocommit=True
            )
        except psycopg.Error as error:
            raise BackupFailed(f"The database cannot be reached for a backup: {error}") from error
        with connection:
            yield connection

    def facts(self) -> Facts:
        with self.connection() as connection:
            cursor = connection.execute(_FACTS)
            row = cursor.fetchone()
            names = [column.name for column in cursor.description or ()]
        return Facts(**dict(zip(names, row or (), strict=True)))

    def tool(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs on this server. Raises `BackupFailed`."""
        run_tool(program, *arguments, environment=self.environment())

    def environment(self) -> dict[str, str]:
        """The address for PostgreSQL's programs: nothing of it shows in a list of processes."""
        found = {
            variable: str(self.place[name])
            for name, variable in _VARIABLES.items()
            if self.place.get(name)
        }
        return {**os.environ, **found, "PGCONNECT_TIMEOUT": "10"}


def configured_server() -> DatabaseServer:
    """The one that BACKUP_DATABASE_URL names. Raises `BackupFailed`."""
    if not settings.BACKUP_DATABASE_URL:
        raise BackupFailed(
            "BACKUP_DATABASE_URL is not set: the address of a role that may read every row. The "
            "application's role and the owner see the rows of one campus, and would save none."
        )
    place = conninfo_to_dict(settings.BACKUP_DATABASE_URL)
    return DatabaseServer({**place, "dbname": settings.DATABASES["default"]["NAME"]})


def run_tool(
    program: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> None:
    """Raises `BackupFailed` with the end of what it printed."""
    process = spawn(
        [find_tool(program), *arguments],
        death_signal=signal.SIGKILL,
        output=subprocess.PIPE,
        env=environment,
    )
    output, _ = process.communicate()
    if process.returncode != 0:
        text = output.decode(errors="replace")[-1500:].strip()
        raise BackupFailed(f"{program} failed: {text}")


def find_tool(program: str) -> Path:
    """In the embedded PostgreSQL, or on the machine."""
    try:
        return find_postgres() / program
    except EmbeddedError as error:
        if found := shutil.which(program):
            return Path(found)
        raise BackupFailed(f"{program} is not installed here: {error}") from error


def tools_major() -> int:
    """The version of our programs: a physical copy needs the server's own."""
    output = subprocess.run(
        [find_tool("pg_basebackup"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(output.split()[-1].partition(".")[0])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
