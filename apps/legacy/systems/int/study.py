"""Classrooms, classes with their hour of the week, and enrolments."""

from collections import defaultdict
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.classrooms.models import Classroom
from apps.enrollments.models import Subject, Term, validate_academic_year
from apps.import_types.registry import IMPORT_TYPES
from apps.legacy.systems.int.people import STAMPS
from apps.legacy.systems.int.school import IntSchool, is_closed
from apps.legacy.values import day, moment, text, words
from apps.legacy.writing.run import Numbered, Record
from apps.legacy.writing.study import FIRST_MONTH, CourseWanted, courses_provide, term_provide
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.tabular_files.fields import Wrong, clock

Lesson = tuple[int, OldRow, Record]  # number, row of a class, its subject


def classrooms_move(school: IntSchool) -> None:
    used = {
        *("classroom_id", "room_number", "building_name", "floor_number", "capacity"),
        *("latitude", "longitude", "geofence_radius", "is_active"),
    }
    beacon = _("A beacon here has a secret of its own: add it on the page of the classroom.")
    table = school.run.table(
        "classrooms", used=used, left={"bluetooth_beacon_id": beacon, **STAMPS}
    )

    def record(row: OldRow) -> Record:
        return {
            "building": words(row.get("building_name"), 200),
            "room_number": words(row.get("room_number"), 50),
            "floor": text(row.get("floor_number")),
            "capacity": text(row.get("capacity")),
            "latitude": text(row.get("latitude")),
            "longitude": text(row.get("longitude")),
            "geofence_radius": text(row.get("geofence_radius")),
        }

    rows = school.run.read(table, record)
    taken = school.run.hand_on(
        table, IMPORT_TYPES["classrooms"], [(n, found) for n, _row, found in rows]
    )
    stored = {
        (building.casefold(), room.casefold()): pk
        for building, room, pk in Classroom.objects.values_list(
            "building__name", "room_number", "pk"
        )
    }
    for number, row, _found in rows:
        if number in taken:
            values = taken[number]
            key = (values["building"].casefold(), values["room_number"].casefold())
            school.rooms[text(row.get("classroom_id"))] = stored[key]
    closed = sum(is_closed(row) for _n, row, _f in rows)
    if closed:
        table.notes.append(_("%d rooms that were closed are open here.") % closed)


def classes_move(school: IntSchool) -> None:
    """A class is a course here, of a subject with the same code."""
    used = {
        *("class_id", "class_code", "class_name", "faculty_id", "classroom_id", "semester"),
        *("academic_year", "credits", "max_students", "schedule_day", "start_time", "end_time"),
        "is_active",
    }
    table = school.run.table("classes", used=used, left=STAMPS)

    def record(row: OldRow) -> Record:
        if text(row.get("faculty_id")) not in school.faculty:
            raise Wrong(_("Names no faculty member who was brought."))
        try:
            validate_academic_year(text(row.get("academic_year")))
        except ValidationError as error:
            raise Wrong(error.messages[0]) from error
        if not words(row.get("semester"), 20):
            raise Wrong(_("Names no semester."))
        return {
            "code": text(row.get("class_code")),
            "name": words(row.get("class_name"), 200),
            "credits": text(row.get("credits")),
        }

    rows = school.run.read(table, record)
    unread = [n for n, _row, found in rows if not found["code"]]
    by_number = {n: (n, row, found) for n, row, found in rows}
    subjects = _subjects(school, table, list(by_number.values()))
    by_term: dict[tuple[str, str], list[Lesson]] = defaultdict(list)
    for number, row, found in by_number.values():
        if number in subjects and number not in unread:
            key = (words(row.get("semester"), 20), text(row.get("academic_year")))
            by_term[key].append((number, row, found))
    for (semester, year), lessons in sorted(by_term.items()):
        _courses_of_term(school, table, semester, year, lessons, subjects)


def _subjects(school: IntSchool, table: TableReport, lessons: list[Lesson]) -> dict[int, int]:
    """Number of the class's row → subject; a row that makes no subject is left out."""
    counted = (table.new, table.changed, table.unchanged)
    records = [(n, found) for n, _row, found in lessons]
    taken = school.run.hand_on(table, IMPORT_TYPES["subjects"], records)
    table.new, table.changed, table.unchanged = counted  # the courses are counted
    stored = {code.casefold(): pk for code, pk in Subject.objects.values_list("code", "pk")}
    return {n: stored[str(values["code"]).casefold()] for n, values in taken.items()}


def _courses_of_term(
    school: IntSchool,
    table: TableReport,
    semester: str,
    year: str,
    lessons: list[Lesson],
    subjects: dict[int, int],
) -> None:
    ids = [text(row.get("class_id")) for _n, row, _f in lessons]
    term = _term(school, semester, year, ids)
    wanted = {
        text(row.get("class_id")): CourseWanted(
            code=found["code"],
            subject_id=subjects[number],
            faculty_id=school.faculty[text(row.get("faculty_id"))].pk,
            classroom_id=school.rooms.get(text(row.get("classroom_id"))),
            places=_places(row),
        )
        for number, row, found in lessons
    }
    courses = courses_provide(school.run, term, list(wanted.values()), table=table)
    for old, course in wanted.items():
        school.courses[old] = courses[course.code]
        school.terms[old] = term
    if term.ends_on >= school.run.now.astimezone(school.run.zone).date():
        slots = [slot for n, row, found in lessons if (slot := _slot(table, n, row, found))]
        schedules = IMPORT_TYPES["schedules"]
        school.run.hand_on(table, schedules, slots, beside=True, term=term.pk)


def _places(row: OldRow) -> int | None:
    try:
        places = int(text(row.get("max_students")))
    except ValueError:
        return None
    return places if 0 < places <= 100_000 else None


def _term(school: IntSchool, semester: str, year: str, class_ids: list[str]) -> Term:
    """With room for the sessions of its classes; without any, the whole school year."""
    if school.run.term is not None:
        return school.run.term
    marks = ", ".join("?" * len(class_ids))
    days: list[date] = []
    if "attendance_sessions" in school.run.old.tables:
        for (held,) in school.run.old.query(
            f"SELECT session_date FROM attendance_sessions "  # noqa: S608
            f"WHERE CAST(class_id AS TEXT) IN ({marks}) GROUP BY session_date",
            class_ids,
        ):
            try:
                days.append(day(held))
            except Wrong:
                continue  # reported with its session
    first = int(year[:4])
    if not days:
        known = Term.objects.filter(name=semester, academic_year=year).first()
        if known is not None:
            return known
        days = [date(first, FIRST_MONTH, 1), date(first + 1, FIRST_MONTH - 1, 30)]
    return term_provide(school.run, name=semester, year=year, first=min(days), last=max(days))


def _slot(table: TableReport, number: int, row: OldRow, found: Record) -> Numbered | None:
    """The class's hour of the week, where it is active and has one."""
    if is_closed(row) or not text(row.get("schedule_day")):
        return None
    try:
        starts, ends = (f"{clock(text(row.get(n))):%H:%M}" for n in ("start_time", "end_time"))
    except Wrong as wrong:
        table.notes.append(f"{number}: {wrong}")
        return None
    record = {
        "weekday": text(row.get("schedule_day")),
        "course": found["code"],
        "starts_at": starts,
        "ends_at": ends,
    }
    return number, record


STATUSES: Final = ("enrolled", "dropped", "completed")


def enrollments_move(school: IntSchool) -> None:
    used = {
        *("enrollment_id", "student_id", "class_id", "enrollment_date", "status"),
        *("final_grade", "is_active", "updated_at"),
    }
    table = school.run.table("student_class_enrollments", used=used, left=STAMPS)

    def record(row: OldRow) -> Record:
        student = school.students.get(text(row.get("student_id")))
        course = school.courses.get(text(row.get("class_id")))
        if student is None or course is None:
            raise Wrong(_("Names a student or a class that was not brought."))
        status = text(row.get("status")).lower() or "enrolled"
        if status == "enrolled" and is_closed(row):
            status = "dropped"
        enrolled = row.get("enrollment_date")
        first = day(enrolled) if enrolled else None
        return {
            "student": student.code,
            "course": course.code,
            "status": status,
            "final_grade": text(row.get("final_grade")),
            "enrolled_on": first.isoformat() if first else "",
            "ended_on": _ended(school, row, first) if status in STATUSES[1:] else "",
        }

    by_term: dict[Any, list[Numbered]] = defaultdict(list)
    for number, row, found in school.run.read(table, record):
        by_term[school.terms[text(row.get("class_id"))]].append((number, found))
    for term, records in by_term.items():
        school.run.hand_on(table, IMPORT_TYPES["enrollments"], records, term=term.pk)


def _ended(school: IntSchool, row: OldRow, first: date | None) -> str:
    """The old system kept no day of leaving: the row's last change is the nearest."""
    if not row.get("updated_at"):
        return ""
    zone = school.run.zone
    last = moment(row["updated_at"], zone).astimezone(zone).date()
    return max(last, first or last).isoformat()
