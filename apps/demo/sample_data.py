"""Spreadsheets of a made-up campus, with the errors that registrars' files have.

For trying an installation and for tests: five departments, four years, four sections each; every
section takes six subjects of three hours a week and a lab on Saturday, without a clash.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from openpyxl import Workbook

DEPARTMENTS: Final = ("CSE", "ECE", "EEE", "ME", "CE")
YEARS: Final = (1, 2, 3, 4)
SECTIONS: Final = "ABCD"
SUBJECTS: Final = 6  # theory, of three hours a week, per department and year
DAYS: Final = ("Monday", "TUE", "Wednesday", "THU", "Friday")
PERIODS: Final = 7
GIVEN: Final = (
    *("Amara", "Björn", "Chloé", "Dmitri", "Esther", "Fatima", "Giulia", "Hassan", "Ivana"),
    *("João", "Keiko", "Łukasz", "Mai", "Nguyễn", "Olga", "Priya", "Quentin", "Renée"),
)
FAMILY: Final = (
    *("Adeyemi", "Brûlé", "Castel", "Dvořák", "Einarsdóttir", "Ferrante", "González", "Huang"),
    *("Ibáñez", "Jørgensen", "Krüger", "Łęcki", "Müller", "Nwosu", "O'Brien", "Papadopoulou"),
)
Cells = list[Any]
Groups = list[tuple[int, str, int]]  # number, department, year


@dataclass
class SampleSheet:
    """One table: clean rows below the headings, and which rows of the one with errors are wrong."""

    headings: Cells
    rows: list[Cells]
    with_errors: list[Cells] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)  # row numbers, from 1, in the sheet with errors


def campus_sheets(
    students: int, *, departments: int = len(DEPARTMENTS), error_share: float = 0.02, seed: int = 1
) -> dict[str, SampleSheet]:
    """The workbooks by kind of import, in the order in which they go in.

    `error_share`: of rows with errors (0–1), half of them so that they can be read all the
    same, half of them wrong.
    """
    chance = random.Random(seed)  # noqa: S311  (made-up data)
    pairs = [(name, year) for name in DEPARTMENTS[:departments] for year in YEARS]
    groups = [(number, *pair) for number, pair in enumerate(pairs)]
    sheets = {
        "classrooms": _classrooms(groups),
        "faculty": _faculty(groups, chance),
        "subjects": _subjects(groups),
        "students": _students(groups, students, chance),
        "assignments": _assignments(groups),
        "schedules": _schedules(groups),
    }
    for kind, sheet in sheets.items():
        _add_errors(sheet, kind, error_share, chance)
    return sheets


def workbook(headings: Cells, rows: Iterable[Cells], *, title: str) -> Workbook:
    """With a title line, as offices like it, and empty rows at the end."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = title
    sheet.append(headings)
    for row in rows:
        sheet.append(row)
    for _empty in range(3):
        sheet.append([""] * len(headings))
    return book


def _room(group: int, section: int) -> str:
    return f"A{101 + group * len(SECTIONS) + section}"


def _subject(department: str, year: int, number: int) -> str:
    return f"{department}{year}0{number + 1}"


def _teacher(group: int, number: int) -> str:
    return f"F{group * (SUBJECTS + 2) + number + 1:04d}"


def _name(chance: random.Random) -> str:
    return f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}"


def _classrooms(groups: Groups) -> SampleSheet:
    rooms = [
        ["Academic block", _room(group, section), 70]
        for group, _department, _year in groups
        for section in range(len(SECTIONS))
    ]
    return SampleSheet(["Building", "Room", "Capacity"], rooms)


def _faculty(groups: Groups, chance: random.Random) -> SampleSheet:
    rows = [
        [_teacher(group, number), _name(chance), department]
        for group, department, _year in groups
        for number in range(SUBJECTS + 2)
    ]
    return SampleSheet(["FacultyId", "FacultyName", "Department"], rows)


def _subjects(groups: Groups) -> SampleSheet:
    rows: list[Cells] = []
    for _group, department, year in groups:
        for number in range(SUBJECTS + 1):
            code = _subject(department, year, number)
            kind = "Lab" if number == SUBJECTS else "Theory"
            rows.append([code, f"{department}{year}-{number + 1}", f"Subject {code}", kind])
    return SampleSheet(["code", "mnemonic", "name", "type"], rows)


def _students(groups: Groups, students: int, chance: random.Random) -> SampleSheet:
    rows: list[Cells] = []
    for number in range(students):
        _group, department, year = groups[number % len(groups)]
        section = SECTIONS[number // len(groups) % len(SECTIONS)]
        rows.append([210001 + number, _name(chance), f"E{year}", department, section])
    return SampleSheet(["id", "name", "year", "department", "section"], rows)


def _assignments(groups: Groups) -> SampleSheet:
    rows: list[Cells] = []
    for group, department, year in groups:
        for number in range(SUBJECTS + 1):
            for index, section in enumerate(SECTIONS):
                teacher = number + (index // 2 if number == SUBJECTS else 0)
                code = _subject(department, year, number)
                rows.append([_teacher(group, teacher), "", code, department, f"E{year}", section])
    headings = ["FacultyId", "FacultyName", "SubjectCode", "Department", "Year", "Section"]
    return SampleSheet(headings, rows)


def _schedules(groups: Groups) -> SampleSheet:
    """Section i has its hour h at place h + 9 i of the week: no lecturer is in two rooms."""
    rows: list[Cells] = []
    for group, department, year in groups:
        for index, section in enumerate(SECTIONS):
            room = _room(group, index)
            common = [department, f"E{year}", section]
            for hour in range(3 * SUBJECTS):
                day, period = divmod((hour + 9 * index) % (len(DAYS) * PERIODS), PERIODS)
                code, teacher = _subject(department, year, hour // 3), _teacher(group, hour // 3)
                rows.append([DAYS[day], *common, period + 1, code, teacher, room])
            lab, assistant = _subject(department, year, SUBJECTS), SUBJECTS + index // 2
            first = (1, 5)[index % 2]
            rows.append(["Saturday", *common, first, lab, _teacher(group, assistant), room])
    headings = ["Day", "Department", "Year", "Section", "Period", "SubjectCode", "FacultyId"]
    return SampleSheet([*headings, "Venue"], rows)


# --- Errors --------------------------------------------------------------------------------------

# What makes a row of each kind wrong: the column, and what stands there.
_WRONG: Final[dict[str, tuple[tuple[int, Any], ...]]] = {
    "classrooms": ((1, ""), (2, "many")),
    "faculty": ((0, "F 00/1?"), (0, "")),
    "subjects": ((3, "Seminar"), (2, "")),
    "students": ((0, "N 12"), (2, "ninth"), (0, "")),
    "assignments": ((0, "F9999"), (2, "XX999"), (5, "Z")),
    "schedules": ((0, "Someday"), (4, 9), (5, "XX999"), (7, "Nowhere")),
}


def _add_errors(sheet: SampleSheet, kind: str, error_share: float, chance: random.Random) -> None:
    """Copies with errors of some rows; the clean sheet is what an import should make of them.

    In the sheet with errors a wrong row replaces the right one; a harmless one only looks
    different, or is there twice.
    """
    harmful = True
    for row in sheet.rows:
        if chance.random() >= error_share:
            sheet.with_errors.append(list(row))
            continue
        if harmful:
            column, cell = chance.choice(_WRONG[kind])
            sheet.with_errors.append([*row[:column], cell, *row[column + 1 :]])
            sheet.wrong.add(len(sheet.with_errors) + 1)
        else:
            sheet.with_errors.append([_reformat(cell) for cell in row])
            sheet.with_errors.append(list(row))
        harmful = not harmful


def _reformat(cell: Any) -> Any:
    """The same in the eyes of a person: spaces around, a number with a fraction of nothing."""
    if isinstance(cell, int):
        return float(cell)
    return f"  {cell} " if cell else cell
