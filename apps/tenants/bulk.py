"""Thousands of rows at once: staged by COPY, then compared and written by a few statements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.tenants.models import CampusModel
from apps.tenants.scope import current_campus_id

STAGE_TABLE: Final = "import_stage"  # the one that the owner's `campus_stage` makes
WORK: Final = {"id": "bigint", "is_new": "boolean"}  # columns that `Stage.upsert` fills
StagedProblem = tuple[int, str, str]  # the row's number, the field, what is wrong
Params = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class UpsertCounts:
    """What an upsert did."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class Stage:
    """Rows of a sheet in a temporary table: `n`, the row's number, then `columns`.

    `columns`: name → PostgreSQL type. Statements say {stage} where they mean the table. Made by
    `stage_open`, and gone with its block.
    """

    table: str
    columns: Mapping[str, str]

    def execute(self, statement: str, params: Params = ()) -> int:
        """Execute and return how many rows it touched."""
        return execute(self._named(statement), params)

    def rows(self, statement: str, params: Params = ()) -> list[tuple]:
        """Execute and return the rows that it found."""
        return fetch_all(self._named(statement), params)

    def numbers(self, statement: str, params: Params = ()) -> list[int]:
        """The first column of the rows found: numbers of staged rows, or ids."""
        return [first for (first, *_rest) in self.rows(statement, params)]

    def discard_rows(self, numbers: Iterable[int]) -> None:
        """Take rows that cannot be saved out of the stage."""
        self.execute("DELETE FROM {stage} WHERE n = ANY(%s)", [list(numbers)])

    def upsert(
        self,
        model: type[CampusModel],
        *,
        insert: Mapping[str, str],
        update: Mapping[str, str],
        now: datetime,
    ) -> UpsertCounts:
        """Write staged rows: those whose `id` column is null are inserted, the others updated.

        `insert` and `update` give, for each column, an SQL expression over the stage (alias s)
        and, for updates, the table (alias t). Only rows that really differ are written. Afterwards
        every staged row knows its `id`. The stage needs the columns of `WORK`.
        """
        table = model._meta.db_table
        total = self.rows("SELECT count(*) FROM {stage}")[0][0]
        changed = self._update(table, update, now) if update else 0
        new = self._insert(table, insert, now)
        return UpsertCounts(new=new, changed=changed, unchanged=total - new - changed)

    def _named(self, statement: str) -> str:
        return statement.replace("{stage}", f'"{self.table}"')

    def _update(self, table: str, update: Mapping[str, str], now: datetime) -> int:
        values = ", ".join(f'"{column}" = {expression}' for column, expression in update.items())
        old = ", ".join(f't."{column}"' for column in update)
        fresh = ", ".join(update.values())
        return self.execute(
            f'UPDATE "{table}" t SET {values}, updated_at = %(now)s FROM {{stage}} s '
            f"WHERE t.id = s.id AND t.campus_id = %(campus)s "
            f"AND ROW({old}) IS DISTINCT FROM ROW({fresh})",
            {"now": now, "campus": current_campus_id()},
        )

    def _insert(self, table: str, insert: Mapping[str, str], now: datetime) -> int:
        """Ids are drawn first, so that the stage knows them without a look-up."""
        params = {"now": now, "campus": current_campus_id(), "table": table}
        drawn = self.execute(
            "UPDATE {stage} SET id = nextval(pg_get_serial_sequence(%(table)s, 'id')), "
            "is_new = true WHERE id IS NULL",
            params,
        )
        if not drawn:
            return 0
        columns = ", ".join(f'"{column}"' for column in insert)
        values = ", ".join(insert.values())
        return self.execute(
            f'INSERT INTO "{table}" (id, campus_id, created_at, updated_at, {columns}) '
            f"SELECT s.id, %(campus)s, %(now)s, %(now)s, {values} FROM {{stage}} s WHERE s.is_new",
            params,
        )


@contextmanager
def stage_open(
    columns: Mapping[str, str], filled: Iterable[str], rows: Iterable[Sequence[Any]]
) -> Iterator[Stage]:
    """A stage that holds `rows`: `n`, by which problems and results find their way back, and the
    values of the `filled` columns; the others are null.

    It ends with the block, or with the transaction. A connection has one at a time: the owner's
    functions make it, under a name of their own, because the application's role may make no
    temporary table (apps/tenants/guards.py).
    """
    stage = Stage(STAGE_TABLE, columns)
    with connection.cursor() as cursor:
        cursor.execute("SELECT campus_stage(%s, %s)", [list(columns), list(columns.values())])
        names = ", ".join(("n", *(f'"{column}"' for column in filled)))
        with cursor.copy(f'COPY "{stage.table}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("SELECT campus_stage_filled()")
        # The index of names sorts what is new into place later, in vacuum or at the next write.
        cursor.execute("SET LOCAL gin_pending_list_limit = '64MB'")
        with hashing():
            yield stage
        cursor.execute("SELECT campus_stage_drop()")


@contextmanager
def hashing() -> Iterator[None]:
    """Statements over thousands of rows join by hash, never by nested loops.

    What the planner knows of row level security, and of ids that were filled in a moment ago,
    makes it expect a handful of rows and loop: at 20,000 rows a hundred times slower.
    """
    execute("SET LOCAL enable_nestloop = off")
    yield
    execute("SET LOCAL enable_nestloop = on")


def execute(statement: str, params: Params = ()) -> int:
    """Execute and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def fetch_all(statement: str, params: Params = ()) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
