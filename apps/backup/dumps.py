"""Logical copies (`pg_dump`), for servers that let nobody copy their files.

Forced row level security makes a dump by the wrong role empty, without an error from anybody. So a
dump is counted: its rows, table by table, must be those that the same snapshot of the database has.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.manifests import FileSet, Manifest, open_file
from apps.backup.server import DatabaseServer, find_tool, run_tool
from apps.backup.tables import Content, Contents, contents_of
from apps.backup.targets import Destination

ARCHIVE: Final = "database.dump"
COPY_START: Final = b"COPY public."
COPY_END: Final = b"\\.\n"


def make_dump(server: DatabaseServer, *, path: Path) -> dict[str, Content]:
    """Dump one snapshot of the database into `path`; what that snapshot holds.

    Raises `BackupFailed` where the dump has not exactly its rows.
    """
    with server.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        contents = contents_of(connection)
        server.tool(
            *("pg_dump", "--format=custom", "--compress=gzip:1", f"--snapshot={row[0]}"),
            *("--lock-wait-timeout=60000", f"--file={path}"),
            f"--dbname={server.database}",
        )
    compare_dump(path, contents)
    return contents


def compare_dump(path: Path, contents: Contents) -> None:
    """Raises `BackupFailed` where the rows in the file are not those of the database."""
    found = rows_in_dump(path)
    wrong = [
        f"{name}: {found.get(name, 0)} of {content.rows} rows"
        for name, content in sorted(contents.items())
        if found.get(name, 0) != content.rows
    ]
    if wrong:
        raise BackupFailed(f"The dump misses rows: {'; '.join(wrong)}.")


def rows_in_dump(path: Path) -> Counter[str]:
    """Rows by table, read from the file itself."""
    rows: Counter[str] = Counter()
    table = ""
    with _as_text(path) as lines:
        for line in lines:
            if table:
                if line == COPY_END:
                    table = ""
                else:
                    rows[table] += 1
            elif line.startswith(COPY_START):
                table = line[len(COPY_START) :].split(b" ", 1)[0].decode().strip('"')
    return rows


@contextmanager
def _as_text(path: Path) -> Iterator[IO[bytes]]:
    process = subprocess.Popen(
        [find_tool("pg_restore"), "--data-only", "--file=-", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        yield process.stdout
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise BackupFailed(f"The dump cannot be read back: {said[-500:]}")


def store_dump(path: Path, files: FileSet) -> None:
    with files.create(ARCHIVE) as writer, path.open("rb") as source:
        while part := source.read(1024 * 1024):
            writer.write(part)


def fetch_dump(target: Destination, manifest: Manifest, *, work: Path) -> Path:
    path = work / ARCHIVE
    with open_file(target, manifest, ARCHIVE) as source, path.open("wb") as file:
        while part := source.read(1024 * 1024):
            file.write(part)
    return path


def load_dump(server: DatabaseServer, path: Path) -> None:
    """Into a database that has no tables yet, all or nothing. The roles must exist."""
    with server.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    if row is None or row[0]:
        raise BackupFailed(f"The database {server.database} has tables already: name an empty one.")
    try:
        run_tool(
            *("pg_restore", "--single-transaction", "--exit-on-error"),
            *(f"--dbname={server.database}", path),
            environment=server.environment(),
        )
    except BackupFailed as error:
        raise Damaged(f"The dump could not be loaded. {error}") from error
