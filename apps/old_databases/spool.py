"""The old tables in one SQLite file, whatever they came from: read in any order, row by row, in
bounded memory."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid

OldValue = str | int | float | bytes | None
OldRow = dict[str, OldValue]
BATCH: Final = 2000  # rows that are written together, or fewer long ones
BATCH_BYTES: Final = 8 * 2**20
MAX_COLUMNS: Final = 200
MAX_TABLES: Final = 200
MAX_NAME: Final = 200  # bytes


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def text_or_bytes(data: bytes) -> str | bytes:
    """Text of SQLite; bytes where it is not UTF-8, which no cell of text accepts."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


class OldData:
    """Tables by lower-case name. `folder` holds files that rows name; `notes` what was passed over.

    Columns are lower-case too. Every query reads; names in statements are quoted. `watch` is called
    now and then while rows are read, and may raise.
    """

    def __init__(self, connection: sqlite3.Connection, *, folder: Path | None, digest: str) -> None:
        self.connection = connection
        self.folder = folder
        self.digest = digest
        self.notes: Counter[str] = Counter()
        self.watch: Callable[[], None] = lambda: None
        connection.text_factory = text_or_bytes

    @property
    def tables(self) -> list[str]:
        found = self.connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        )
        return [str(name).lower() for (name,) in found]

    def columns(self, table: str) -> list[str]:
        if table not in self.tables:
            return []
        return [str(row[1]).lower() for row in self.query(f"PRAGMA table_info({quoted(table)})")]

    def count(self, table: str) -> int:
        if table not in self.tables:
            return 0
        return int(self.query(f"SELECT count(*) FROM {quoted(table)}")[0][0])  # noqa: S608

    def rows(self, table: str) -> Iterator[tuple[int, OldRow]]:
        """Number from 1, in the order of the source, and the row; none without such a table."""
        columns = self.columns(table)
        if not columns:
            return
        names = ", ".join(map(quoted, columns))
        statement = f"SELECT {names} FROM {quoted(table)}"  # noqa: S608
        try:
            found = self.connection.execute(f"{statement} ORDER BY rowid")
        except sqlite3.OperationalError:  # a table without row ids: by its key
            found = self.connection.execute(statement)
        for number, values in enumerate(found, start=1):
            if number % BATCH == 0:
                self.watch()
            yield number, dict(zip(columns, values, strict=True))

    def query(self, statement: str, params: Sequence[Any] = ()) -> list[tuple]:
        """For sums over the old tables, by constants of the code."""
        try:
            return self.connection.execute(statement, params).fetchall()
        except sqlite3.DatabaseError as error:
            raise Invalid("source_unreadable", unreadable(error)) from error

    def filled(self, table: str, column: str) -> int:
        """How many rows have something in this column."""
        name = quoted(column)
        statement = (
            f"SELECT count(*) FROM {quoted(table)} "  # noqa: S608
            f"WHERE {name} IS NOT NULL AND {name} NOT IN ('', '{{}}', '[]')"
        )
        return int(self.query(statement)[0][0])

    def close(self) -> None:
        self.connection.close()


def check_name(name: str) -> None:
    """Raises `Invalid` for what SQLite takes as no name."""
    try:
        data = name.encode()
    except UnicodeEncodeError:
        data = b""
    if not 0 < len(data) <= MAX_NAME or b"\0" in data:
        raise Invalid("source_unreadable", _("A table or column of the source has no proper name."))


def source_too_large() -> Invalid:
    message = _("The source unpacks to more than there is room for here.")
    return Invalid("source_too_large", message)


def unreadable(error: Exception) -> str:
    return _("The source cannot be read: %(problem)s.") % {"problem": error}


class Spool:
    """Writes tables that come as a stream into a SQLite file, of `most` bytes."""

    def __init__(self, path: Path, *, most: int | None = None) -> None:
        self.connection = sqlite3.connect(path)
        if most is not None:
            (page,) = self.connection.execute("PRAGMA page_size").fetchone()
            self.connection.execute(f"PRAGMA max_page_count = {most // page}")
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("PRAGMA synchronous = OFF")
        self._columns: dict[str, list[str]] = {}
        self._waiting: dict[str, list[Sequence[OldValue]]] = {}
        self._sizes: dict[str, int] = {}

    def add_table(self, table: str, columns: Iterable[str]) -> None:
        """Make it, or add the columns that it lacks. Raises `Invalid` for absurdly many, and for
        names that are no text."""
        table = table.lower()
        wanted = list(dict.fromkeys(name.lower() for name in columns))
        for name in (table, *wanted):
            check_name(name)
        known = self._columns.setdefault(table, [])
        new = [name for name in wanted if name not in known]
        if len(self._columns) > MAX_TABLES or len(known) + len(new) > MAX_COLUMNS:
            raise Invalid("source_too_large", _("The source has too many tables or columns."))
        if new:
            self._write(table)  # rows of the columns so far
            self._add_columns(table, new, is_first=not known)
            known += new

    def _add_columns(self, table: str, new: list[str], *, is_first: bool) -> None:
        names = list(map(quoted, new))
        if is_first:
            self.connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(names)})")
            return
        for name in names:
            self.connection.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {name}")

    def columns(self, table: str) -> list[str]:
        return list(self._columns.get(table.lower(), ()))

    def add(self, table: str, columns: Sequence[str], values: Sequence[OldValue]) -> None:
        table = table.lower()
        known = self._columns[table]
        if columns != known:
            cells = dict(zip((name.lower() for name in columns), values, strict=True))
            values = [cells.get(name) for name in known]
        waiting = self._waiting.setdefault(table, [])
        waiting.append(values)
        size = sum(len(value) for value in values if isinstance(value, (str, bytes)))
        self._sizes[table] = self._sizes.get(table, 0) + size
        if len(waiting) >= BATCH or self._sizes[table] >= BATCH_BYTES:
            self._write(table)

    def done(self) -> sqlite3.Connection:
        for table in list(self._waiting):
            self._write(table)
        self.connection.commit()
        return self.connection

    def _write(self, table: str) -> None:
        waiting = self._waiting.pop(table, None)
        self._sizes.pop(table, None)
        if waiting:
            marks = ", ".join("?" * len(waiting[0]))
            statement = f"INSERT INTO {quoted(table)} VALUES ({marks})"  # noqa: S608
            try:
                self.connection.executemany(statement, waiting)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                raise source_too_large() from error
