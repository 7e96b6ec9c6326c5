"""A spreadsheet of the weekly schedule: the columns and cells of the import, as rows of a feed."""

from typing import Any

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.import_types.schedules import LAB_PERIODS, PERIODS, SCHEDULES
from apps.imports.selectors import remembered_answers
from apps.tabular_files.headings import is_heading_of
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.reader import read_tables
from apps.tabular_files.rows import read_rows
from apps.tabular_files.tables import ParsedRow
from apps.timetable_feeds.reading.reader import FileProblem
from apps.timetable_feeds.reading.rows import FeedRow, FileRows
from apps.timetable_feeds.services.resolving import RowTrouble

CYCLES = {"every": "1", "odd": "10", "even": "01"}


def read_spreadsheet(data: bytes) -> tuple[FileRows, list[RowTrouble]]:
    """Raises `FileProblem`, also where the file asks something that nobody has answered about a
    weekly schedule of this campus before: nobody sits before a feed."""
    answers = FileAnswers(remembered=remembered_answers(SCHEDULES.name))
    try:
        tables = read_tables(data, answers, is_heading=is_heading_of(SCHEDULES))
        reading = read_rows(tables, SCHEDULES, mapping=None, options={}, answers=answers)
        answers.refuse_open()
    except Invalid as error:
        message = str(error.message)
        if error.code == "questions_open":
            message += " " + _("Upload it once as a weekly schedule and answer there.")
        raise FileProblem(message) from error
    found = FileRows()
    troubles = [
        RowTrouble(_place(one.sheet, one.row), f"{one.column} {one.value}".strip(), one.reason)
        for one in reading.problems
    ]
    for row in reading.rows:
        taken = _row(row)
        if taken is None:
            reason = _("Says neither a period nor start and end.")
            troubles.append(RowTrouble(_place(row.sheet, row.number), "", reason))
        else:
            found.add(taken)
    return found, troubles


def _place(sheet: str, number: int) -> str:
    return f"{sheet} {number}".strip()


def _row(row: ParsedRow) -> FeedRow | None:
    said = row.values
    times = _times(said)
    if times is None:
        return None
    name = str(said.get("course") or said.get("subject") or "")
    year, section = said.get("year") or "", said.get("section") or ""
    cycle = CYCLES[said.get("parity", "every")]
    return FeedRow(
        place=_place(row.sheet, row.number),
        key=" ".join(filter(None, (name, f"{year}{section}", cycle))),
        course=name,
        sections=(f"{year}{section}",) if section else (),
        teachers=(said["faculty"],) if said.get("faculty") else (),
        rooms=(said["venue"],) if said.get("venue") else (),
        weekday=said["weekday"],
        starts=times[0],
        ends=times[1],
        ends_of_lab=times[2],
        cycle=cycle,
    )


def _times(said: dict[str, Any]) -> tuple[str, str, str] | None:
    """From, until, and until of a lab that names one period and takes three."""
    if said.get("starts_at") and said.get("ends_at"):
        return f"{said['starts_at']:%H:%M}", f"{said['ends_at']:%H:%M}", ""
    if "period" not in said:
        return None
    first, last = said["period"]
    of_lab = PERIODS[first - 1 + LAB_PERIODS - 1 :][:1] if first == last else ()
    ends_of_lab = f"{of_lab[0][1]:%H:%M}" if of_lab else ""
    return f"{PERIODS[first - 1][0]:%H:%M}", f"{PERIODS[last - 1][1]:%H:%M}", ends_of_lab
