"""Attendance by day: a register for each class and day."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.enrollments.models import Course
from apps.legacy.systems.sis.school import PHOTOS, YEAR, ClassName, SisSchool
from apps.legacy.values import code, day, text
from apps.legacy.writing.history import History, OldMark, OldSession, Unmarked
from apps.legacy.writing.study import (
    CourseWanted,
    courses_provide,
    enroll_in,
    keeper_provide,
    sections_by_name,
    subjects_provide,
    terms_for,
    year_of,
)
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.tabular_files.fields import Wrong

DAY: Final = ("SIS-DAY", "Attendance by day")  # the subject of the registers


def attendance_move(school: SisSchool) -> None:
    """A register for each class and day on which somebody of the class was there."""
    run = school.run
    used = {"id", "_key", "student_id", "date"}
    table = run.table(school.table("attendance"), used=used, left=PHOTOS)
    present = _present(school, table)
    history = History(run)
    terms = terms_for(run, [held for _class, held in present])
    if present:
        _sessions(school, history, terms, present)
    marks = history.read_marks(table, partial(_mark, school))
    history.marks_write(table, _with_absences(school, marks, present))
    before = (
        {
            school.students[text(old)]: (rows, rows)
            for old, rows in run.old.query(
                f"SELECT student_id, count(*) FROM {table.name} GROUP BY student_id"  # noqa: S608
            )
            if text(old) in school.students
        }
        if table.read
        else {}
    )
    history.compare(before, school.codes)


def _present(school: SisSchool, table: TableReport) -> dict[tuple[ClassName, date], set[int]]:
    """Class and day → who had a row. Those that cannot be read are reported as they are written."""
    found: dict[tuple[ClassName, date], set[int]] = defaultdict(set)
    for _number, row in school.run.old.rows(table.name):
        try:
            student, held = _student_and_day(school, row)
        except Wrong:
            continue
        found[school.classes[student], held].add(student)
    return found


def _student_and_day(school: SisSchool, row: OldRow) -> tuple[int, date]:
    student = school.students.get(text(row.get("student_id")))
    if student is None:
        raise Unmarked(_("Names no student that was brought."))
    if student not in school.classes:
        raise Unmarked(_("Its student is in no class."), student_id=student, attended=True)
    try:
        return student, day(row.get("date") or row.get("_key"))
    except Wrong as wrong:
        raise Unmarked(str(wrong), student_id=student, attended=True) from wrong


def _sessions(
    school: SisSchool,
    history: History,
    terms: dict[str, Any],
    present: dict[tuple[ClassName, date], set[int]],
) -> None:
    run = school.run
    subject = subjects_provide(run, [DAY])[DAY[0]]
    keeper, sections = keeper_provide(run), sections_by_name()
    courses: dict[tuple[int, ClassName], Course] = {}
    for term in dict.fromkeys(terms.values()):
        classes = {name for name, held in present if terms[year_of(held)] == term}
        wanted = [
            CourseWanted(
                code=_course_code(name),
                subject_id=subject,
                faculty_id=keeper.pk,
                section_id=sections[name[0], int(YEAR), name[1]],
            )
            for name in sorted(classes)
        ]
        made = courses_provide(run, term, wanted)
        courses |= {(term.pk, name): made[_course_code(name)] for name in classes}
        days = [held for _name, held in present if terms[year_of(held)] == term]
        enrolled = [
            (school.codes[student], _course_code(name), school.came.get(student) or term.starts_on)
            for student, name in sorted(school.classes.items())
            if name in classes
        ]
        first_days = [(s, c, min(max(d, term.starts_on), max(days))) for s, c, d in enrolled]
        enroll_in(run, term, first_days, last=max(days))
    history.sessions_write(
        None,
        (
            (n, _session(school, courses[terms[year_of(held)].pk, name], name, held))
            for n, (name, held) in enumerate(sorted(present))
        ),
    )


def _course_code(name: ClassName) -> str:
    return code(f"SIS-{name[0]}-{name[1]}", 40)


def _midnight(school: SisSchool, held: date) -> datetime:
    return datetime.combine(held, time(), tzinfo=school.run.zone)


def _session(school: SisSchool, course: Any, name: ClassName, held: date) -> OldSession:
    """The whole day: the old system kept no hour."""
    return OldSession(
        key=(name, held),
        course_id=course.pk,
        faculty_id=course.faculty_id,
        starts_at=_midnight(school, held),
        ends_at=_midnight(school, held + timedelta(days=1)),
        topic=_("Brought from SIS"),
    )


def _mark(school: SisSchool, row: OldRow) -> OldMark:
    student, held = _student_and_day(school, row)
    return OldMark(
        session=(school.classes[student], held),
        student_id=student,
        status="present",
        recorded_at=_midnight(school, held),
    )


def _with_absences(
    school: SisSchool,
    marks: Iterator[OldMark],
    present: dict[tuple[ClassName, date], set[int]],
) -> Iterator[OldMark]:
    """The marks, then an absence for everybody of the class who has none of its days."""
    yield from marks
    members: dict[ClassName, list[int]] = defaultdict(list)
    for student, name in school.classes.items():
        members[name].append(student)
    for (name, held), there in present.items():
        for student in members[name]:
            came = school.came.get(student)
            if student not in there and (came is None or came <= held):
                yield OldMark(
                    session=(name, held),
                    student_id=student,
                    status="absent",
                    recorded_at=_midnight(school, held),
                    notes=_("No row in the old system"),
                    added=True,
                )
