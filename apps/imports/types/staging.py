"""Rows of an import in and out of the stage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apps.imports.types.base import Kind, Outcome, Row, problem
from apps.tenants.bulk import rows_of, run, staged
from apps.tenants.scope import current_campus_id

WORK = {"id": "bigint", "is_new": "boolean"}


@contextmanager
def on_stage(rows: Sequence[Row], names: dict[str, str], columns: dict[str, str]) -> Iterator[None]:
    """Stage the rows: `names` maps a stage column to the field that fills it; `columns` are all
    columns with their types. The number `n` is the row's place in `rows`."""
    given = {name for row in rows for name in row.values}
    filled = {column: names[column] for column in columns if names.get(column) in given}
    fields = list(filled.values())
    values = ((n, *map(row.values.get, fields)) for n, row in enumerate(rows))
    with staged(columns, filled, values):
        yield


def put_back(
    outcome: Outcome, kind: Kind, rows: Sequence[Row], found: Sequence[tuple[int, str, str]]
) -> None:
    """Problems that the database found (n, field, reason), as problems of rows."""
    for number, name, reason in found:
        row = rows[number]
        field = next((f for f in kind.fields if f.name == name), None)
        label = field.label if field else ""
        outcome.problems.append(problem(row, reason, column=label, value=row.values.get(name, "")))


def resolve(column: str, *, table: str, by: str, code: str) -> list[int]:
    """Fill a stage column with the ids of active rows whose `by` equals the staged code.

    Returns the numbers of rows that name something unknown. Names are the kinds' constants.
    """
    run(
        f"UPDATE import_stage s SET {column} = t.id FROM {table} t "
        f"WHERE t.campus_id = %s AND lower(t.{by}) = lower(s.{code}) AND t.is_active",
        [current_campus_id()],
    )
    lacking = f"SELECT n FROM import_stage WHERE {code} IS NOT NULL AND {column} IS NULL"
    return [n for (n,) in rows_of(lacking)]


def take_out(numbers: Sequence[int]) -> None:
    """Rows that cannot be saved leave the stage."""
    run("DELETE FROM import_stage WHERE n = ANY(%s)", [list(numbers)])


def staged_ids(condition: str = "true") -> list[int]:
    """The ids that the staged rows got. The condition is a kind's constant."""
    return [found for (found,) in rows_of(f"SELECT id FROM import_stage WHERE {condition}")]
