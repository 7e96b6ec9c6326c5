"""Rows of an import in and out of a stage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db.models import Model
from django.utils.translation import gettext as _

from apps.common.rows import table_name
from apps.import_types.base import ImportResult, ImportType
from apps.tabular_files.tables import ParsedRow, problem
from apps.tenants.bulk import Stage, StagedProblem, stage_open
from apps.tenants.scope import current_campus_id


@contextmanager
def staged_rows(
    rows: Sequence[ParsedRow],
    columns: Mapping[str, str],
    *,
    fields: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """A stage that holds the rows: `columns` are all its columns with their types.

    A column is filled from the field of its own name, or from the one that `fields` names for it.
    The number `n` is the row's place in `rows`.
    """
    given = {name for row in rows for name in row.values}
    source = {column: (fields or {}).get(column, column) for column in columns}
    filled = {column: name for column, name in source.items() if name in given}
    names = list(filled.values())
    values = ((n, *map(row.values.get, names)) for n, row in enumerate(rows))
    with stage_open(columns, filled, values) as stage:
        yield stage


def report_problems(
    result: ImportResult,
    import_type: ImportType,
    rows: Sequence[ParsedRow],
    found: Sequence[StagedProblem],
) -> None:
    """Problems that the database found, as problems of rows."""
    for number, name, reason in found:
        row = rows[number]
        field = next((f for f in import_type.fields if f.name == name), None)
        label = field.label if field else ""
        result.problems.append(problem(row, reason, column=label, value=row.values.get(name, "")))


def discard_rows(
    stage: Stage,
    result: ImportResult,
    import_type: ImportType,
    rows: Sequence[ParsedRow],
    found: Sequence[StagedProblem],
) -> None:
    """Report rows that cannot be saved and take them out of the stage."""
    report_problems(result, import_type, rows, found)
    stage.discard_rows(number for number, _name, _reason in found)


def resolve(stage: Stage, column: str, *, model: type[Model], by: str, code: str) -> list[int]:
    """Fill a stage column with the ids of active rows whose `by` equals the staged code.

    Returns the numbers of rows that name something unknown. Names are the types' constants.
    """
    stage.execute(
        f"UPDATE {{stage}} s SET {column} = t.id FROM {table_name(model)} t "
        f"WHERE t.campus_id = %s AND lower(t.{by}) = lower(s.{code}) AND t.is_active",
        [current_campus_id()],
    )
    return stage.numbers(
        f"SELECT n FROM {{stage}} WHERE {code} IS NOT NULL AND {column} IS NULL",
    )


def unknown_codes(numbers: Sequence[int], name: str, what: object) -> list[StagedProblem]:
    """Problems for rows that name something that the campus does not have (or has closed)."""
    reason = _("No active %(what)s has this code.") % {"what": what}
    return [(n, name, reason) for n in numbers]
