"""From a path to the old tables: what a source is, is told by its content."""

import hashlib
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Final, TextIO

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.old_databases.json_file import MAX_BYTES, json_read
from apps.old_databases.spool import OldData, Spool, source_too_large, unreadable
from apps.old_databases.sql_dumps import dump_read
from apps.old_databases.sql_tokens import LONGEST
from apps.processes.embedded.errors import EmbeddedError
from apps.processes.embedded.postgres import find_postgres

SQLITE: Final = b"SQLite format 3\0"
CUSTOM: Final = b"PGDMP"  # pg_dump --format=custom
DATABASES: Final = ("*.db", "*.sqlite", "*.sqlite3")
DUMPS: Final = ("*.sql", "*.dump", "*.backup", "*.json")  # of a folder without a database
HEAD: Final = 64 * 1024  # bytes that tell MySQL's dumps from PostgreSQL's
IN_UTC: Final = b"TIME_ZONE='+00:00'"  # what `mysqldump` sets for its TIMESTAMP columns


@dataclass(frozen=True, kw_only=True)
class SourceLimits:
    """Bytes. `json`: of a JSON file, which is read as a whole. `text`: of a dump, as it unpacks.
    `tables`: of the temporary copy of what is not SQLite. None: as the disk has room."""

    json: int = MAX_BYTES
    text: int | None = None
    tables: int | None = None


@contextmanager
def source_open(
    path: Path,
    *,
    folder: Path | None = None,
    limits: SourceLimits = SourceLimits(),
    watch: Callable[[], None] = lambda: None,
) -> Iterator[OldData]:
    """The tables of a SQLite file, a dump of MySQL or PostgreSQL, or a JSON file; of a folder its
    one database, or without one its one dump. `folder`: where the files are that rows name; left
    out, the source's own. `watch` is called now and then while it is read, and may raise.

    The source is only read. What is not SQLite is copied into a temporary SQLite file that nobody
    else may read and that is deleted at the end. Raises `Invalid`.
    """
    try:
        file = _database_of(path) if path.is_dir() else path
        folder = folder or (path if path.is_dir() else path.parent)
        head = _head(file)
        digest = _digest(file)
        with tempfile.TemporaryDirectory(prefix="campus-legacy-") as place:
            if head.startswith(SQLITE):
                connection, notes = _sqlite(file), None
            else:
                spool = Spool(Path(place) / "tables.sqlite", most=limits.tables)
                notes = _reader(head, limits, watch)(file, spool)
                connection = spool.done()
            with closing(OldData(connection, folder=folder, digest=digest)) as old:
                old.notes.update(notes or {})
                old.watch = watch
                if not old.tables:
                    raise Invalid("source_empty", _("There is no table in this source."))
                yield old
    except (OSError, sqlite3.DatabaseError) as error:
        raise Invalid("source_unreadable", unreadable(error)) from error


def _database_of(folder: Path) -> Path:
    found = _named(folder, DATABASES) or _named(folder, DUMPS)
    if len(found) != 1:
        message = _("The folder holds %(count)d databases; name the one to read.")
        raise Invalid("source_unreadable", message % {"count": len(found)})
    return found[0]


def _named(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sqlite(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    # A small damaged file may claim values of any length: it is not believed.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


AsText = Callable[[IO[bytes]], TextIO]


class _Text(TextIOWrapper):
    """The text of a dump, of `most` characters."""

    def __init__(self, source: IO[bytes], most: int | None, watch: Callable[[], None]) -> None:
        super().__init__(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._left = most
        self._watch = watch

    def read(self, size: int | None = -1, /) -> str:
        self._watch()
        part = super().read(size)
        if self._left is not None:
            self._left -= len(part)
            if self._left < 0:
                raise source_too_large()
        return part


def _reader(
    head: bytes, limits: SourceLimits, watch: Callable[[], None]
) -> Callable[[Path, Spool], dict[str, int]]:
    def text(source: IO[bytes]) -> _Text:
        return _Text(source, limits.text, watch)

    if head.startswith(CUSTOM):
        return partial(_custom, text)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        return partial(json_read, most=limits.json)
    if b"\0" in head:
        raise Invalid("source_unreadable", _("This is neither a database, a dump nor JSON."))
    return partial(_plain, text, mysql=_is_mysql(head), in_utc=IN_UTC in head)


def _is_mysql(head: bytes) -> bool:
    """Backticks, or what `mysqldump` writes at the top."""
    return b"`" in head or b"MySQL dump" in head or b"MariaDB dump" in head or b"ENGINE=" in head


def _plain(text: AsText, file: Path, spool: Spool, *, mysql: bool, in_utc: bool) -> dict[str, int]:
    with file.open("rb") as source, text(source) as stream:
        return dump_read(stream, spool, mysql=mysql, in_utc=mysql and in_utc)


def _pg_restore() -> Path | None:
    """That of the embedded PostgreSQL, which reads dumps of older ones too, or the machine's."""
    try:
        return find_postgres() / "pg_restore"
    except EmbeddedError:
        found = shutil.which("pg_restore")
        return Path(found) if found else None


def _custom(text: AsText, file: Path, spool: Spool) -> dict[str, int]:
    """A dump in PostgreSQL's own format, through `pg_restore`, which writes it as text: read as it
    is written, because a small file may unpack to any size."""
    program = _pg_restore()
    if program is None:
        message = _("This dump needs pg_restore. Make a plain one: pg_dump --format=plain.")
        raise Invalid("source_unreadable", message)
    command = [str(program), "--no-owner", "--no-privileges", "--file", "-", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        if running.stdout is None:
            raise AssertionError
        try:
            with text(running.stdout) as stream:
                notes = dump_read(stream, spool, mysql=False)
        except BaseException:
            running.kill()
            raise
    if running.returncode:
        raise Invalid("source_unreadable", _("pg_restore cannot read this dump."))
    return notes
