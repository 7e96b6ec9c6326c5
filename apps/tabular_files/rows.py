"""From tables of text to the rows of a type: every cell of the columns that the headings name."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.tabular_files.fields import CellPlace, ColumnCells, Field, Parse, Several, Wrong
from apps.tabular_files.headings import Headings, Mapping, chosen_sheets, columns_of
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.tables import ParsedRow, RowProblem, SheetTable, TableType, problem

# Column and field, how it is read, and what it has read: cells repeat (sections, years).
Reader = tuple[int, Field, Parse, dict[str, Any]]


@dataclass
class Reading:
    """Everything that a file says to a type."""

    rows: list[ParsedRow]
    problems: list[RowProblem]
    present: frozenset[str]
    seen: int  # rows that are not empty
    notes: list[str] = dataclasses.field(default_factory=list)


def read_rows(
    tables: list[SheetTable],
    import_type: TableType,
    *,
    mapping: Mapping | None,
    options: dict[str, Any],
    answers: FileAnswers | None = None,
    amend: Callable[[list[ParsedRow]], None] | None = None,
) -> Reading:
    """Every row of the sheets that have the headings. Raises `Invalid` when none has them.

    Questions go to `answers`; without, a file that leaves any open is refused. `amend` may change
    the rows before they are compared with each other.
    """
    asked = answers or FileAnswers()
    sheets = chosen_sheets(tables, import_type, mapping, options, asked)
    reading = Reading(rows=[], problems=[], present=frozenset(), seen=0)
    reading.notes += _notes(tables, sheets)
    readable = [
        Sheet(table, headings.row, columns_of(table, headings, import_type, mapping, asked))
        for table, headings in sheets
    ]
    parsers = _parsers(readable, import_type, asked)
    if answers is None:
        asked.refuse_open()
    for sheet in readable:
        reading.present |= {field.name for _index, field in sheet.columns}
        _read_table(sheet, import_type, options, reading, parsers)
    read = (value for _parse, memory in parsers.values() for value in memory.values())
    if any(isinstance(value, Several) for value in read):
        reading.present = reading.present.union(*(row.values for row in reading.rows))
    if amend is not None:
        amend(reading.rows)
    drop_repeated(reading, import_type)
    return reading


def _notes(tables: list[SheetTable], sheets: list[tuple[SheetTable, Headings]]) -> list[str]:
    """What was done to the cells, and what of the file was left out."""
    read = [table for table, _headings in sheets]
    notes = []
    if left := [table.name for table in tables if table not in read]:
        notes.append(_("Sheets that were not read: %(names)s.") % {"names": ", ".join(left)})
    if cleaned := sum(table.cleaned for table in read):
        note = _("Rows in which invisible characters around cells were removed: %(number)d.")
        notes.append(note % {"number": cleaned})
    if padded := sum(table.padded for table in read):
        note = _("Numbers that were taken with the zeros that the spreadsheet shows: %(number)d.")
        notes.append(note % {"number": padded})
    return notes


@dataclass(frozen=True)
class Sheet:
    """A table, the row of its headings, and which column is which field's."""

    table: SheetTable
    heading_row: int
    columns: list[tuple[int, Field]]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Numbers from 1, as in the sheet; empty rows are left out."""
        for number, cells in enumerate(self.table.rows[self.heading_row :], self.heading_row + 1):
            if any(cells):
                yield number, cells


Parsers = dict[str, tuple[Parse, dict[str, Any]]]  # by field: how, and what it has read so far


def _parsers(sheets: list[Sheet], import_type: TableType, answers: FileAnswers) -> Parsers:
    """How each field's cells are read; columns that decide it as a whole are looked at first."""
    beside = frozenset(field.name for sheet in sheets for _index, field in sheet.columns)
    together: dict[tuple[str, Any], list[Field]] = {}
    for field in import_type.fields:
        if field.column is not None and field.name in beside:
            together.setdefault((field.alike or field.name, field.column), []).append(field)
    parsers: Parsers = {field.name: (field.parse, {}) for field in import_type.fields}
    for (name, read), fields in together.items():
        names = [field.name for field in fields]
        label = ", ".join(str(field.label) for field in fields)
        cells = _cells(sheets, names)
        parse = read(ColumnCells(name, label, fields[0].parse, cells, beside), answers)
        for field in fields:
            parsers[field.name] = (parse, {})
    return parsers


def _cells(sheets: list[Sheet], names: list[str]) -> dict[str, CellPlace]:
    found: dict[str, CellPlace] = {}
    for sheet in sheets:
        indexes = [index for index, field in sheet.columns if field.name in names]
        for number, cells in sheet.rows():
            for index in indexes:
                if index < len(cells) and cells[index]:
                    found.setdefault(cells[index], CellPlace(sheet.table.name, number))
    return found


def _read_table(
    sheet: Sheet,
    import_type: TableType,
    options: dict[str, Any],
    reading: Reading,
    parsers: Parsers,
) -> None:
    defaults = {
        f.name: options[f.name] for f in import_type.fields if options.get(f.name) is not None
    }
    required = [field for field in import_type.fields if field.required]
    readers: list[Reader] = [(n, field, *parsers[field.name]) for n, field in sheet.columns]
    table = sheet.table
    width = len(table.rows[sheet.heading_row - 1])
    for number, cells in sheet.rows():
        row = ParsedRow(table.name, number, dict(defaults))
        if not table.name and any(cells[width:]):  # of a CSV file: what follows stands wrongly
            reading.seen += 1
            reason = _("More cells than headings. Put cells that hold the delimiter in quotes.")
            reading.problems.append(problem(row, reason, value=cells[width]))
        else:
            _read_row(row, cells, readers, required, reading)


def read_records(
    records: Iterable[tuple[int, dict[str, str]]], import_type: TableType, *, name: str
) -> Reading:
    """What rows say that come by field: the number of each, and its cells by the field's name."""
    fields = import_type.fields
    readers: list[Reader] = [(n, field, field.parse, {}) for n, field in enumerate(fields)]
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
    for index, field, parse, memory in readers:
        cell = cells[index] if index < len(cells) else ""
        if not cell:
            continue
        value = memory.get(cell, memory)
        if value is memory:
            value = memory[cell] = _parsed(parse, cell)
        if isinstance(value, Wrong):
            problems.append(problem(row, str(value), column=field.label, value=cell))
        elif isinstance(value, Several):
            row.values.update(value)
        else:
            row.values[field.name] = value
    return problems


def _parsed(parse: Parse, cell: str) -> Any:
    """The value, or the `Wrong` itself, so that it is remembered too."""
    if "\x00" in cell:
        return Wrong(_("Holds a character that is no text."))
    try:
        return parse(cell)
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
