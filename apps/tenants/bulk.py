"""Thousands of rows at once: staged by COPY, then compared and written by a few statements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.tenants.models import CampusModel
from apps.tenants.scope import current_campus_id


@dataclass(frozen=True)
class Counts:
    """What an upsert did."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0


@contextmanager
def staged(
    columns: Mapping[str, str], filled: Iterable[str], rows: Iterable[Sequence[Any]]
) -> Iterator[None]:
    """The temporary table `import_stage`: `n`, then these columns (name → PostgreSQL type).

    `rows` are `n`, the row's number, by which problems and results find their way back, and the
    values of the `filled` columns; the others are null. The table ends with the block, or with the
    transaction. The owner's functions make it: this role may make none (apps/tenants/guards.py).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT campus_stage(%s, %s)", [list(columns), list(columns.values())])
        names = ", ".join(("n", *(f'"{column}"' for column in filled)))
        with cursor.copy(f"COPY import_stage ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("SELECT campus_stage_filled()")
        # The index of names sorts what is new into place later, in vacuum or at the next write.
        cursor.execute("SET LOCAL gin_pending_list_limit = '64MB'")
        with hashing():
            yield
        cursor.execute("SELECT campus_stage_drop()")


@contextmanager
def hashing() -> Iterator[None]:
    """Statements over thousands of rows join by hash, never by nested loops.

    What the planner knows of row level security, and of ids that were filled in a moment ago,
    makes it expect a handful of rows and loop: at 20,000 rows a hundred times slower.
    """
    run("SET LOCAL enable_nestloop = off")
    yield
    run("SET LOCAL enable_nestloop = on")


def run(statement: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> int:
    """Execute and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def rows_of(statement: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def upsert(
    model: type[CampusModel],
    *,
    insert: Mapping[str, str],
    update: Mapping[str, str],
    now: datetime,
) -> Counts:
    """Write staged rows: those whose `id` column is null are inserted, the others updated.

    `insert` and `update` give, for each column, an SQL expression over the stage (alias s) and,
    for updates, the table (alias t). Only rows that really differ are written. Afterwards every
    staged row knows its `id`.
    """
    table = model._meta.db_table
    total = rows_of("SELECT count(*) FROM import_stage")[0][0]
    changed = _update(table, update, now) if update else 0
    new = _insert(table, insert, now)
    return Counts(new=new, changed=changed, unchanged=total - new - changed)


def _update(table: str, update: Mapping[str, str], now: datetime) -> int:
    values = ", ".join(f'"{column}" = {expression}' for column, expression in update.items())
    old = ", ".join(f't."{column}"' for column in update)
    fresh = ", ".join(update.values())
    return run(
        f'UPDATE "{table}" t SET {values}, updated_at = %(now)s FROM import_stage s '
        f"WHERE t.id = s.id AND t.campus_id = %(campus)s "
        f"AND ROW({old}) IS DISTINCT FROM ROW({fresh})",
        {"now": now, "campus": current_campus_id()},
    )


def _insert(table: str, insert: Mapping[str, str], now: datetime) -> int:
    """Ids are drawn first, so that the stage knows them without a look-up."""
    params = {"now": now, "campus": current_campus_id(), "table": table}
    drawn = run(
        "UPDATE import_stage SET id = nextval(pg_get_serial_sequence(%(table)s, 'id')), "
        "is_new = true WHERE id IS NULL",
        params,
    )
    if not drawn:
        return 0
    columns = ", ".join(f'"{column}"' for column in insert)
    values = ", ".join(insert.values())
    return run(
        f'INSERT INTO "{table}" (id, campus_id, created_at, updated_at, {columns}) '
        f"SELECT s.id, %(campus)s, %(now)s, %(now)s, {values} FROM import_stage s WHERE s.is_new",
        params,
    )
