"""The default week: which course meets when and where."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.common.errors import Refused
from apps.enrollments.models import Course, Department, Subject, Term
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.courses import COURSE, term_of
from apps.import_types.fields import DEPARTMENT, SECTION, YEAR
from apps.tabular_files.fields import Field, Wrong, choice, clock, code, weekday, words
from apps.tabular_files.tables import ParsedRow, RowProblem, problem
from apps.tabular_files.times import clocks, weekdays
from apps.timetable.locks import planning_lock
from apps.timetable.models import WeeklySlot
from apps.timetable.services.slots import slot_remove, slot_update, slots_create

# A teaching day in periods, for sheets that number them: four hours, lunch, three hours.
PERIODS: Final = (
    (time(8, 30), time(9, 30)),
    (time(9, 30), time(10, 30)),
    (time(10, 30), time(11, 30)),
    (time(11, 30), time(12, 30)),
    (time(13, 40), time(14, 40)),
    (time(14, 40), time(15, 40)),
    (time(15, 40), time(16, 40)),
)
LAB_PERIODS: Final = 3
Span = tuple[int, int]
Key = tuple[int, int, time]  # course, weekday, start


def period(cell: str) -> Span:
    """ "2" or "2-4": the first and the last period, counted from 1."""
    found = re.fullmatch(r"P?\s*(\d)\s*(?:[-–,]\s*P?\s*(\d))?", cell.upper())
    first = int(found[1]) if found else 0
    last = int(found[2]) if found and found[2] else first
    if not 1 <= first <= last <= len(PERIODS):
        raise Wrong(_("Not a period from 1 to %(last)d, like 2 or 2-4.") % {"last": len(PERIODS)})
    return first, last


@dataclass
class _Campus:
    """What the rows refer to, read once."""

    term: Term
    courses: dict[str, list[Course]]  # under their own code and their subject's, lower case
    rooms: list[Classroom]
    slots: dict[Key, WeeklySlot] = field(default_factory=dict)
    said: set[Key] = field(default_factory=set)  # what the rows so far spoke about
    new: list[tuple[ParsedRow, WeeklySlot]] = field(default_factory=list)


class _Misfit(Exception):
    """A cell that fits nothing on the campus."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def _apply(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    known = _campus(batch)
    for number, row in enumerate(batch.rows, start=1):
        batch.report_progress(number, len(batch.rows), _("placing the week"))
        try:
            _place(row, known, batch, result)
        except _Misfit as misfit:
            result.problems.append(_wrong(row, misfit.name, str(misfit)))
        except Refused as refusal:
            result.problems.append(_wrong(row, "", str(refusal.message)))
    _create(known, batch, result)
    _replace(batch, known, result)
    return result


def _wrong(row: ParsedRow, name: str, reason: str) -> RowProblem:
    """The row's problem, at the cell of that name; the time's where none is named."""
    name = name or next((time for time in ("period", "starts_at") if time in row.values), "weekday")
    label = next(field.label for field in SCHEDULES.fields if field.name == name)
    return problem(row, reason, column=label, value=_shown(row.values.get(name, "")))


def _shown(value: Any) -> str:
    """A parsed cell much as it was typed."""
    if isinstance(value, tuple):
        first, last = value
        return str(first) if first == last else f"{first}-{last}"
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)


def _create(known: _Campus, batch: ImportBatch, result: ImportResult) -> None:
    """Save the new slots together: one by one a campus's week takes half a minute."""
    answers = slots_create(
        slots=[slot for _row, slot in known.new],
        source=f"import:{SCHEDULES.name}",
        now=batch.now,
        actor=batch.actor,
    )
    for (row, _slot), refusal in zip(known.new, answers, strict=True):
        if refusal is None:
            result.new += 1
        else:
            result.problems.append(_wrong(row, "", str(refusal.message)))
    if result.new:
        result.notes.append(
            _(
                "Every night makes the sessions of the next days. For the whole term's at once, "
                "choose all weekly slots and run “Make the sessions of the whole term”."
            )
        )


def _campus(batch: ImportBatch) -> _Campus:
    planning_lock()  # before slots are read that rows may change
    term = term_of(batch)
    courses: dict[str, list[Course]] = defaultdict(list)
    related = ("term", "subject", "faculty", "section__department", "classroom__building")
    for course in Course.objects.filter(term=term, is_active=True).select_related(*related):
        for name in {course.code.casefold(), course.subject.code.casefold()}:
            courses[name].append(course)
    slots = WeeklySlot.objects.filter(course__term=term).select_related("course")
    slots = slots.prefetch_related("also__course")
    return _Campus(
        term=term,
        courses=courses,
        rooms=list(Classroom.objects.filter(is_active=True).select_related("building")),
        slots={(slot.course_id, slot.weekday, slot.starts_at): slot for slot in slots},
    )


def _place(row: ParsedRow, known: _Campus, batch: ImportBatch, result: ImportResult) -> None:
    """Take one row in: new ones wait to be saved together."""
    course = _course(row, known)
    starts_at, ends_at = _times(row, course)
    wanted = {
        "ends_at": ends_at,
        "classroom": _room(row, known),
        "parity": row.values.get("parity", WeeklySlot.Parity.EVERY),
        "is_active": True,
    }
    also = _also(row, known)
    key = (course.pk, row.values["weekday"], starts_at)
    if key in known.said:
        raise _Misfit("", _("An earlier row says something else about this time."))
    slot = known.slots.get(key)
    if slot is None:
        slot = WeeklySlot(course=course, weekday=key[1], starts_at=starts_at, **wanted)
        slot.also_courses = also
        known.new.append((row, slot))
    elif all(getattr(slot, name) == value for name, value in wanted.items()) and (
        also is None or {c.pk for c in also} == {c.pk for c in slot.joined}
    ):
        result.unchanged += 1
    else:
        for name, value in wanted.items():
            setattr(slot, name, value)
        slot_update(slot=slot, also=also, now=batch.now, actor=batch.actor)
        result.changed += 1
    known.said.add(key)


def _also(row: ParsedRow, known: _Campus) -> list[Course] | None:
    """The further courses by their codes; None where the row says nothing of them."""
    if "also" not in row.values:
        return None
    found = []
    for name in filter(None, re.split(r"[\s,;+]+", row.values["also"])):
        hits = [c for c in known.courses.get(name.casefold(), []) if _is(c, name)]
        if not hits:
            message = _("No course of term %(term)s has the code %(code)s.")
            raise _Misfit("also", message % {"term": known.term, "code": name})
        found += hits
    return found


def _is(course: Course, code: str) -> bool:
    return course.code.casefold() == code.casefold()


def _course(row: ParsedRow, known: _Campus) -> Course:
    """The one course of the term that the row means, by code or by what it says about it."""
    column = "course" if row.values.get("course") else "subject"
    named = row.values.get(column)
    if not named:
        raise _Misfit(column, _("Says neither course nor subject."))
    hits = [
        course
        for course in known.courses.get(named.casefold(), [])
        if all(
            name not in row.values or str(row.values[name]).casefold() == str(value).casefold()
            for name, value in _facts(course).items()
        )
    ]
    if len(hits) == 1:
        return hits[0]
    if hits:
        codes = ", ".join(course.code for course in hits[:3])
        message = _("May mean several courses: %(codes)s. Add department, year or section.")
        raise _Misfit(column, message % {"codes": codes})
    message = _("No course of term %(term)s is like this. Import the faculty assignments first.")
    raise _Misfit(column, message % {"term": known.term})


def _facts(course: Course) -> dict[str, Any]:
    """What a row may say about its course."""
    section = course.section
    return {
        "course": course.code,
        "subject": course.subject.code,
        "faculty": course.faculty.code,
        "section": section and section.name,
        "year": section and section.year,
        "department": section and section.department.code,
    }


def _times(row: ParsedRow, course: Course) -> tuple[time, time]:
    """From the clock, or from periods; a lab that names one period takes three."""
    starts_at, ends_at = row.values.get("starts_at"), row.values.get("ends_at")
    if starts_at and ends_at:
        return starts_at, ends_at
    if "period" not in row.values:
        raise _Misfit("period", _("Says neither a period nor start and end."))
    first, last = row.values["period"]
    if first == last and course.subject.kind == "lab":
        last = first + LAB_PERIODS - 1
        if last > len(PERIODS):
            message = _("A lab takes %(number)d periods; the day ends before.")
            raise _Misfit("period", message % {"number": LAB_PERIODS})
    return PERIODS[first - 1][0], PERIODS[last - 1][1]


def _room(row: ParsedRow, known: _Campus) -> Classroom | None:
    """The named room, by number or by building and number; None is the course's usual one."""
    venue = str(row.values.get("venue", "")).casefold()
    if not venue:
        return None
    hits = [
        room for room in known.rooms if venue in (room.room_number.casefold(), str(room).casefold())
    ]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise _Misfit("venue", _("Several buildings have this room: add the building."))
    raise _Misfit("venue", _("There is no such room. Import the classrooms first."))


def _replace(batch: ImportBatch, known: _Campus, result: ImportResult) -> None:
    """Deactivate the term's other slots, when that was asked for and every row was right."""
    if not batch.options.get("replace"):
        return
    if result.problems or batch.options.get("wrong_rows"):
        result.notes.append(_("No slot is deactivated while rows are wrong. Correct them first."))
        return
    for key, slot in known.slots.items():
        if slot.is_active and key not in known.said:
            result.removed += 1
            result.removed_names.append(str(slot))
            slot_remove(slot=slot, now=batch.now, actor=batch.actor)


SCHEDULES: Final = ImportType(
    name="schedules",
    label=gettext_lazy("Weekly schedule"),
    fields=(
        Field(
            name="weekday",
            label=gettext_lazy("Day"),
            parse=weekday,
            column=weekdays,
            headings=("weekday", "day of week"),
            required=True,
            example="Monday",
            note=gettext_lazy("Monday or MON."),
        ),
        DEPARTMENT,
        YEAR,
        SECTION,
        Field(
            name="period",
            label=gettext_lazy("Period"),
            parse=period,
            headings=("hour", "slot"),
            example="2",
            note=gettext_lazy("1 to 7, or 2-4. A lab that names one takes three."),
        ),
        Field(
            name="starts_at",
            label=gettext_lazy("Start"),
            parse=clock,
            column=clocks,
            alike="times",
            headings=("start time", "from", "begins"),
            note=gettext_lazy("Instead of a period."),
        ),
        Field(
            name="ends_at",
            label=gettext_lazy("End"),
            parse=clock,
            column=clocks,
            alike="times",
            headings=("end time", "to", "until"),
        ),
        Field(
            name="subject",
            label=gettext_lazy("Subject code"),
            parse=code(20),
            headings=("subject", "code"),
            example="CS201",
        ),
        Field(
            name="faculty",
            label=gettext_lazy("Faculty number"),
            parse=code(50),
            headings=("faculty id", "faculty", "teacher id"),
            example="F017",
        ),
        COURSE,
        Field(
            name="also",
            label=gettext_lazy("Together with"),
            parse=words(400),
            headings=("joint with", "with courses", "together with courses"),
            note=gettext_lazy("Codes of further courses that meet as one class, with commas."),
        ),
        Field(
            name="venue",
            label=gettext_lazy("Room"),
            parse=words(121),
            headings=("venue", "classroom", "room number", "room no"),
            example="101",
        ),
        Field(
            name="parity",
            label=gettext_lazy("Weeks"),
            parse=choice(every=("all", "weekly"), odd=(), even=()),
            headings=("parity", "week"),
            example="every",
            note=gettext_lazy("every, odd or even."),
        ),
    ),
    key=(
        "weekday",
        "department",
        "year",
        "section",
        "period",
        "starts_at",
        "subject",
        "course",
        "faculty",
        "parity",
    ),
    apply=_apply,
    codes=(
        *(Codes("course", Course), Codes("subject", Subject), Codes("faculty", Faculty)),
        Codes("department", Department),
    ),
    needs=("timetable.add_weeklyslot", "timetable.change_weeklyslot"),
    can_replace=True,
    options=("term", "department", "year", "section"),
)
