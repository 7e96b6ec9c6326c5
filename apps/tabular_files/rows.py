"""From a table of text to the rows of a type: find the headings, map them, read every cell."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.tabular_files.fields import Field, Wrong, normal
from apps.tabular_files.tables import ParsedRow, RowProblem, SheetTable, TableType, problem

SEARCHED: Final = 20  # first rows in which the headings are looked for: titles may stand above
Mapping = dict[str, str]  # heading as it stands in the file → field name, "" to leave it out
# Column and field, and what it has read: cells repeat (sections, years).
Reader = tuple[int, Field, dict[str, Any]]


@dataclass(frozen=True)
class Headings:
    """Where the headings stand (row number, from 1) and what they say."""

    row: int
    texts: tuple[str, ...]


@dataclass
class Reading:
    """Everything that a file says to a type."""

    rows: list[ParsedRow]
    problems: list[RowProblem]
    present: frozenset[str]
    seen: int  # rows that are not empty


def find_headings(table: SheetTable, import_type: TableType) -> Headings:
    """The row among the first ones that names most columns of the type."""

    def hits(cells: list[str]) -> int:
        return sum(_known(import_type).get(normal(cell)) is not None for cell in cells)

    first = table.rows[:SEARCHED]
    best = max(range(len(first)), key=lambda n: (hits(first[n]), -n))
    return Headings(row=best + 1, texts=tuple(table.rows[best]))


@cache
def _known(import_type: TableType) -> dict[str, str]:
    return {
        normal(text): field.name
        for field in import_type.fields
        for text in (field.name, str(field.label), *field.headings)
    }


def guess(headings: Headings, import_type: TableType) -> Mapping:
    """What each heading most likely means; "" where nothing fits. A field is taken once."""
    mapping: Mapping = {}
    taken: set[str] = set()
    for text in headings.texts:
        name = _known(import_type).get(normal(text), "")
        if text:
            mapping.setdefault(text, "" if name in taken else name)
            taken.add(name)
    return mapping


def missing(import_type: TableType, mapping: Mapping, options: dict[str, Any]) -> list[Field]:
    """Required fields that neither a column nor an option gives."""
    given = {*mapping.values(), *(name for name, value in options.items() if value)}
    return [field for field in import_type.fields if field.required and field.name not in given]


def read_rows(
    tables: list[SheetTable],
    import_type: TableType,
    *,
    mapping: Mapping | None,
    options: dict[str, Any],
) -> Reading:
    """Every row of every sheet that has the headings. Raises `Invalid` when none has them."""
    reading = Reading(rows=[], problems=[], present=frozenset(), seen=0)
    lacking: list[Field] = []
    matched = False
    for table in tables:
        headings = find_headings(table, import_type)
        meaning = {**guess(headings, import_type), **(mapping or {})}
        lacking = missing(import_type, meaning, options)
        if lacking:
            continue
        matched = True
        columns = _columns(headings, meaning, import_type)
        reading.present |= {field.name for _index, field in columns}
        _read_table(table, headings.row, columns, import_type, options, reading)
    if not matched:
        names = ", ".join(str(field.label) for field in lacking)
        message = _("No column for: %(names)s. Say which column means what, or use the template.")
        raise Invalid("columns_unknown", message % {"names": names})
    drop_repeated(reading, import_type)
    return reading


def _columns(
    headings: Headings, meaning: Mapping, import_type: TableType
) -> list[tuple[int, Field]]:
    by_name = {field.name: field for field in import_type.fields}
    found: dict[str, int] = {}
    for index, text in enumerate(headings.texts):
        name = meaning.get(text, "")
        if name in by_name:
            found.setdefault(name, index)
    return [(index, by_name[name]) for name, index in found.items()]


def _read_table(
    table: SheetTable,
    heading_row: int,
    columns: list[tuple[int, Field]],
    import_type: TableType,
    options: dict[str, Any],
    reading: Reading,
) -> None:
    defaults = {
        f.name: options[f.name] for f in import_type.fields if options.get(f.name) is not None
    }
    required = [field for field in import_type.fields if field.required]
    readers: list[Reader] = [(n, field, {}) for n, field in columns]
    for number, cells in enumerate(table.rows[heading_row:], start=heading_row + 1):
        if not any(cells):
            continue
        row = ParsedRow(table.name, number, dict(defaults))
        _read_row(row, cells, readers, required, reading)


def read_records(
    records: Iterable[tuple[int, dict[str, str]]], import_type: TableType, *, name: str
) -> Reading:
    """What rows say that come by field: the number of each, and its cells by the field's name."""
    fields = import_type.fields
    readers: list[Reader] = [(n, field, {}) for n, field in enumerate(fields)]
    required = [field for field in fields if field.required]
    reading = Reading(rows=[], problems=[], present=frozenset(), seen=0)
    for number, record in records:
        cells = [record.get(field.name, "") for field in fields]
        _read_row(ParsedRow(name, number, {}), cells, readers, required, reading)
    reading.present = frozenset().union(*(row.values for row in reading.rows))
    return reading


def _read_row(
    row: ParsedRow,
    cells: list[str],
    readers: list[Reader],
    required: list[Field],
    reading: Reading,
) -> None:
    reading.seen += 1
    problems = _read_cells(row, cells, readers) or _lacks(row, required)
    reading.problems += problems
    if not problems:
        reading.rows.append(row)


def _read_cells(row: ParsedRow, cells: list[str], readers: list[Reader]) -> list[RowProblem]:
    problems = []
    for index, field, memory in readers:
        cell = cells[index] if index < len(cells) else ""
        if not cell:
            continue
        value = memory.get(cell, memory)
        if value is memory:
            value = memory[cell] = _parsed(field, cell)
        if isinstance(value, Wrong):
            problems.append(problem(row, str(value), column=field.label, value=cell))
        else:
            row.values[field.name] = value
    return problems


def _parsed(field: Field, cell: str) -> Any:
    """The value, or the `Wrong` itself, so that it is remembered too."""
    if "\x00" in cell:
        return Wrong(_("Holds a character that is no text."))
    try:
        return field.parse(cell)
    except Wrong as wrong:
        return wrong


def _lacks(row: ParsedRow, required: list[Field]) -> list[RowProblem]:
    lacking = [field for field in required if field.name not in row.values]
    return [problem(row, _("Empty."), column=field.label) for field in lacking]


def drop_repeated(reading: Reading, import_type: TableType) -> None:
    """The same row twice counts once; a row that contradicts an earlier one is wrong."""
    first: dict[tuple[str, ...], ParsedRow] = {}
    kept = []
    for row in reading.rows:
        key = tuple(str(row.values.get(name, "")).casefold() for name in import_type.key)
        earlier = first.setdefault(key, row)
        if earlier is row:
            kept.append(row)
        elif earlier.values != row.values:
            what = ", ".join(str(row.values.get(name, "")) for name in import_type.key)
            reason = _("Row %(row)d says something else about %(what)s.")
            reason %= {"row": earlier.number, "what": what}
            reading.problems.append(problem(row, reason))
    reading.rows = kept


def read_bundle(tables: list[SheetTable], known: tuple[str, ...]) -> Reading:
    """The rows of a bundle's files as they stand, each cell under its heading.

    Raises `Invalid` when no file is one of the known ones.
    """
    reading = Reading(rows=[], problems=[], present=frozenset(), seen=0)
    for table in tables:
        if table.name not in known:
            continue
        headings = table.rows[0]
        for number, cells in enumerate(table.rows[1:], start=2):
            if any(cells):
                values = {name: cell for name, cell in zip(headings, cells, strict=False) if cell}
                reading.rows.append(ParsedRow(table.name, number, values))
    if not reading.rows:
        message = _("None of these files is in the archive: %(names)s.")
        names = ", ".join(f"{name}.csv" for name in known)
        raise Invalid("columns_unknown", message % {"names": names})
    reading.seen = len(reading.rows)
    return reading
