"""Putting rows of an archive into the tables of the entered campus, as the owner.

Triggers run: they make rows that the archive has too, and fill columns by what holds now. So what
they made is replaced, and in the end every row that is not as in the archive is put right.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connection
from django.db.utils import IntegrityError
from psycopg import sql

from apps.backup.errors import BackupFailed, Damaged
from apps.common.rows import table_name
from apps.moving.catalogue import Table, Tally, read_rows
from apps.moving.ids import Ids
from apps.sessions.models import SessionCourse
from apps.tenants.moving import Row
from apps.tenants.scope import current_campus_id

_STAGE: Final = """
    CREATE TEMP TABLE moved_line (line jsonb) ON COMMIT DROP;
    CREATE TEMP TABLE moved_kept (name text, line jsonb) ON COMMIT DROP
"""
# Rows that triggers made and others refer to at once: they are changed, not deleted.
_CHANGED: Final = {table_name(SessionCourse): ("campus_id", "session_id", "course_id")}
_INSERT: Final = """
    INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
    SELECT {values} FROM moved_line, jsonb_populate_record(NULL::{table}, line) AS moved
"""
_KEEP: Final = "INSERT INTO moved_kept SELECT %s, line FROM moved_line"
_UNLIKE: Final = """
    SELECT DISTINCT said.key
    FROM moved_kept kept
    JOIN {table} t ON to_jsonb(t.id) = kept.line -> 'id' AND t.campus_id = %s
    CROSS JOIN LATERAL to_jsonb(t) AS found
    CROSS JOIN LATERAL jsonb_each(kept.line) AS said
    WHERE kept.name = %s AND said.value IS DISTINCT FROM found -> said.key
"""
_PUT_RIGHT: Final = """
    UPDATE {table} t SET {changes}
    FROM moved_kept kept, jsonb_populate_record(NULL::{table}, kept.line) AS moved
    WHERE kept.name = %s AND t.campus_id = %s AND t.id = moved.id AND ({differs})
"""
_PASSES: Final = 3  # triggers stamp the time of an update: a second one puts that right
_HIGHEST: Final = 2**48
_SEQUENCE: Final = """
    SELECT setval(%s, greatest(last_value, %s)) FROM {sequence}
"""


class Loader:
    """Loads tables one by one, then makes sure that they are as in the archive."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._followed: list[Table] = []
        with connection.cursor() as cursor:
            cursor.execute(_STAGE)

    def load(self, table: Table, rows: Iterable[Row]) -> None:
        """Raises `BackupFailed` where a row clashes with one that is here already."""
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE moved_line")
            highest = _copy(cursor, rows)
            if table.name not in _CHANGED:
                cursor.execute(_sql("DELETE FROM {table} WHERE campus_id = %s", table), [_here()])
            try:
                cursor.execute(_insert(table))
            except IntegrityError as error:
                raise BackupFailed(
                    f"A row of {table.name} is here already, or does not fit: {error}".strip()
                ) from error
            if table.is_followed:
                cursor.execute(_KEEP, [table.name])
                self._followed.append(table)
            _raise_sequence(cursor, table, highest)

    def put_right(self) -> None:
        for table in self._followed:
            for _pass in range(_PASSES):
                if not self._put_right(table):
                    break

    def _put_right(self, table: Table) -> bool:
        """Whether something was not as in the archive."""
        with connection.cursor() as cursor:
            cursor.execute(_sql(_UNLIKE, table), [_here(), table.name])
            unlike = [name for (name,) in cursor.fetchall() if name not in table.generated]
            if unlike:
                pairs = [sql.SQL("{0} = moved.{0}").format(sql.Identifier(name)) for name in unlike]
                differs = [
                    sql.SQL("t.{0} IS DISTINCT FROM moved.{0}").format(sql.Identifier(name))
                    for name in unlike
                ]
                statement = sql.SQL(_PUT_RIGHT).format(
                    table=sql.Identifier(table.name),
                    changes=sql.SQL(", ").join(pairs),
                    differs=sql.SQL(" OR ").join(differs),
                )
                cursor.execute(statement, [table.name, _here()])
        return bool(unlike)

    def compare(self, recorded: Mapping[str, Any], ids: Ids) -> None:
        """Raises `Damaged` where a table is not what the manifest says."""
        wrong = []
        for name, expected in recorded.items():
            tally = Tally(self._tables[name])
            for row in read_rows(name):
                tally.add(ids.there(self._tables[name], row))
            if tally.as_json() != expected:
                wrong.append(f"{name}: {tally.rows} rows instead of {expected['rows']}, or others")
        if wrong:
            raise Damaged(f"The campus is not as it was exported: {'; '.join(wrong)}.")


def _here() -> int:
    return current_campus_id()


def _copy(cursor: Any, rows: Iterable[Row]) -> int:
    """Returns the highest number among the ids; 0 where they are no numbers.

    Raises `Damaged` for one that no installation has given: the numbers of every campus here would
    go on behind it, and there might be none left.
    """
    highest = 0
    with cursor.copy("COPY moved_line (line) FROM STDIN") as copy:
        for row in rows:
            if isinstance(row.get("id"), int):
                highest = max(highest, row["id"])
            if highest > _HIGHEST:
                raise Damaged(f"A row has the number {highest}, which no installation gives.")
            copy.write_row([json.dumps(row)])
    return highest


def _sql(text: str, table: Table) -> sql.Composed:
    return sql.SQL(text).format(table=sql.Identifier(table.name))


def _insert(table: Table) -> sql.Composed:
    columns = [sql.Identifier(name) for name in table.written()]
    statement = sql.SQL(_INSERT).format(
        table=sql.Identifier(table.name),
        columns=sql.SQL(", ").join(columns),
        values=sql.SQL(", ").join(sql.SQL("moved.{}").format(name) for name in columns),
    )
    if keys := _CHANGED.get(table.name):
        changes = [sql.SQL("{0} = excluded.{0}").format(name) for name in columns]
        statement += sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {}").format(
            sql.SQL(", ").join(map(sql.Identifier, keys)), sql.SQL(", ").join(changes)
        )
    return statement


def _raise_sequence(cursor: Any, table: Table, highest: int) -> None:
    """So that no id of this campus is given again."""
    if not highest:
        return
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table.name])
    if name := cursor.fetchone()[0]:
        schema, _dot, own = name.partition(".")
        statement = sql.SQL(_SEQUENCE).format(sequence=sql.Identifier(schema, own))
        cursor.execute(statement, [name, highest])
