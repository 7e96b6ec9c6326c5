"""Headings of a table: where they stand, which field each means, which sheets have them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

from apps.common.errors import Invalid
from apps.common.languages import spoken
from apps.tabular_files.fields import Field, normal
from apps.tabular_files.questions import LONGEST_CELL, Choice, Example, FileAnswers, Question
from apps.tabular_files.tables import SheetTable, TableType

SEARCHED: Final = 20  # first rows in which the headings are looked for: titles may stand above
LIKE: Final = 0.84  # share of letters that a heading has in common with one it may be meant for
SHORTEST: Final = 4  # letters of a heading that is compared
SHOWN: Final = 3  # rows in an example
OF_COLUMNS: Final = ("column:", "heading:")  # keys of questions
LEAVE: Final = "-"
ALL: Final = "*"
QUALIFIED: Final = re.compile(r"([^,(:\[/]+)[,(:\[/].*", re.DOTALL)
Mapping = dict[str, str]  # heading as it stands in the file → field name, "" to leave it out


@dataclass(frozen=True)
class Headings:
    """Where the headings stand (row number, from 1) and what they say."""

    row: int
    texts: tuple[str, ...]


def find_headings(table: SheetTable, import_type: TableType) -> Headings:
    """The row among the first ones that names most columns of the type."""

    def hits(cells: list[str]) -> int:
        return sum(_known(import_type).get(normal(cell)) is not None for cell in cells)

    first = table.rows[:SEARCHED]
    best = max(range(len(first)), key=lambda n: (hits(first[n]), -n))
    return Headings(row=best + 1, texts=tuple(table.rows[best]))


def is_heading_of(import_type: TableType) -> Callable[[str], bool]:
    """Whether a cell is one of the type's headings."""
    known = _known(import_type)
    return lambda cell: normal(cell) in known


@cache
def _known(import_type: TableType) -> dict[str, str]:
    """Spelling → field; labels in every language of the pages, as templates are given out."""
    known = {
        normal(text): field.name
        for field in import_type.fields
        for text in (field.name, *field.headings)
    }
    for language, _name in settings.LANGUAGES:
        with translation.override(spoken(language)):
            for field in import_type.fields:
                known.setdefault(normal(str(field.label)), field.name)
    return known


def missing(import_type: TableType, named: Iterable[str], options: dict[str, Any]) -> list[Field]:
    """Required fields that neither a column nor an option gives."""
    given = {*named, *(name for name, value in options.items() if value)}
    return [field for field in import_type.fields if field.required and field.name not in given]


def chosen_sheets(
    tables: list[SheetTable],
    import_type: TableType,
    mapping: Mapping | None,
    options: dict[str, Any],
    answers: FileAnswers,
) -> list[tuple[SheetTable, Headings]]:
    """The sheets that are read, with their headings; asked where several have them.

    Raises `Invalid` (columns_unknown) where none has.
    """
    lacking: list[Field] = []
    found = []
    for table in tables:
        headings = find_headings(table, import_type)
        trial = FileAnswers(answers.given, answers.remembered)
        columns = columns_of(table, headings, import_type, mapping, trial)
        lacking = missing(import_type, (field.name for _index, field in columns), options)
        if not lacking:
            found.append((table, headings))
    if not found:
        names = ", ".join(str(field.label) for field in lacking)
        message = _("No column for: %(names)s. Say which column means what, or use the template.")
        raise Invalid("columns_unknown", message % {"names": names})
    if len(found) == 1:
        return found
    chosen = answers.ask(_which_sheets(found))
    return [(table, headings) for table, headings in found if chosen in (ALL, table.name)]


def _which_sheets(found: list[tuple[SheetTable, Headings]]) -> Question:
    names = [table.name for table, _headings in found]
    read, left = _("read"), _("left out")
    return Question(
        key="sheets",
        text=_("Several sheets have these columns. Which are meant?"),
        choices=(Choice(ALL, _("All of them")), *(Choice(name, name) for name in names)),
        examples=tuple(
            Example(
                table.name,
                headings.row,
                _("Rows: %(number)d") % {"number": len(table.rows) - headings.row},
                (read, *(read if name == table.name else left for name in names)),
            )
            for table, headings in found
        ),
    )


def columns_of(
    table: SheetTable,
    headings: Headings,
    import_type: TableType,
    mapping: Mapping | None,
    answers: FileAnswers,
) -> list[tuple[int, Field]]:
    """Which column is which field's, in the order of the fields.

    What `mapping` says is certain. Asked where several headings fit one field (and their cells
    differ), and where an unknown heading is like one of a field that has no column.
    """
    by_name = {field.name: field for field in import_type.fields}
    taken, fitting, unknown = _sorted(headings, import_type, mapping or {})
    for name, indexes in fitting.items():
        if name not in taken:
            taken[name] = _which(by_name[name], indexes, table, headings, answers)
    for index in unknown:
        free = [field for name, field in by_name.items() if name not in taken]
        name = _meant(index, free, import_type, table, headings, answers)
        if name:
            taken[name] = index
    return [(taken[name], field) for name, field in by_name.items() if name in taken]


def _sorted(
    headings: Headings, import_type: TableType, said: Mapping
) -> tuple[dict[str, int], dict[str, list[int]], list[int]]:
    """By field: the column that is said to be its own, those that fit; and those of no field."""
    known = {field.name for field in import_type.fields}
    taken: dict[str, int] = {}
    fitting: dict[str, list[int]] = {}
    unknown: list[int] = []
    for index, text in enumerate(headings.texts):
        if text in said:
            if said[text] in known:
                taken.setdefault(said[text], index)
        elif name := _known(import_type).get(normal(text), ""):
            fitting.setdefault(name, []).append(index)
        elif text:
            unknown.append(index)
    return taken, fitting, unknown


def _column(table: SheetTable, headings: Headings, index: int) -> tuple[str, ...]:
    return tuple(row[index] if index < len(row) else "" for row in table.rows[headings.row :])


def _which(
    field: Field, indexes: list[int], table: SheetTable, headings: Headings, answers: FileAnswers
) -> int:
    """The column of a field that several headings fit: the only one that says anything of its own,
    or the one that somebody chooses."""
    different: dict[tuple[str, ...], int] = {}
    for index in indexes:
        different.setdefault(_column(table, headings, index), index)
    filled = [index for cells, index in different.items() if any(cells)]
    if len(filled) <= 1:
        return (filled or indexes)[0]
    texts = [headings.texts[index] for index in filled]
    names = [
        text if texts.count(text) == 1 else f"{text} ({get_column_letter(index + 1)})"
        for text, index in zip(texts, filled, strict=True)
    ]
    question = Question(
        key=f"{OF_COLUMNS[0]}{field.name}",
        text=_("Several headings fit “%(column)s”. Which column is it?") % {"column": field.label},
        choices=tuple(Choice(name, name) for name in names),
        examples=_rows_of(field, filled, table, headings),
    )
    return filled[names.index(answers.ask(question))]


def _rows_of(
    field: Field, indexes: list[int], table: SheetTable, headings: Headings
) -> tuple[Example, ...]:
    """What the first rows would say, were it this column or that."""
    columns = [_column(table, headings, index) for index in indexes]
    found = []
    for number, cells in enumerate(zip(*columns, strict=True), start=headings.row + 1):
        if any(cells):
            shown = tuple("…" if field.is_secret else cell[:LONGEST_CELL] for cell in cells)
            found.append(Example(table.name, number, "", shown))
    return tuple(found[:SHOWN])


def _meant(
    index: int,
    free: list[Field],
    import_type: TableType,
    table: SheetTable,
    headings: Headings,
    answers: FileAnswers,
) -> str:
    """The field that an unknown heading means, "" for none.

    What follows a comma, a bracket or a colon only explains: “Points (of 100)” are points.
    """
    text = headings.texts[index]
    names = {field.name: field for field in free}
    if before := QUALIFIED.fullmatch(text):
        name = _known(import_type).get(normal(before[1]), "")
        if name in names:
            return name
    near = _near(normal(text), names, import_type)
    cells = _column(table, headings, index) if near else ()
    if not any(cells):
        return ""
    fields = [names[name] for name in near]
    hidden = any(field.is_secret for field in fields)
    shown = [(number, cell) for number, cell in enumerate(cells, headings.row + 1) if cell]
    answer = answers.ask(
        Question(
            key=f"{OF_COLUMNS[1]}{normal(text)[:60]}",
            text=_("The heading “%(heading)s” is unknown. What is meant?")
            % {"heading": text[:LONGEST_CELL]},
            choices=(
                *(Choice(field.name, str(field.label)) for field in fields),
                Choice(LEAVE, _("Leave this column out")),
            ),
            examples=tuple(
                Example(
                    table.name,
                    number,
                    "…" if hidden else cell[:LONGEST_CELL],
                    (*(str(field.label) for field in fields), _("left out")),
                )
                for number, cell in shown[:SHOWN]
            ),
        )
    )
    return "" if answer == LEAVE else answer


def _near(heading: str, names: Iterable[str], import_type: TableType) -> list[str]:
    """Fields with a heading that this one is like or that is part of it, the most alike first."""
    if not SHORTEST <= len(heading) <= LONGEST_CELL:
        return []
    likeness: dict[str, float] = {}
    for known, name in _known(import_type).items():
        if name in names and len(known) >= SHORTEST:
            ratio = SequenceMatcher(None, heading, known).ratio()
            is_part = len(known) > SHORTEST and known in heading
            if ratio >= LIKE or is_part:
                likeness[name] = max(likeness.get(name, 0), ratio)
    return sorted(likeness, key=lambda name: -likeness[name])[:SHOWN]
