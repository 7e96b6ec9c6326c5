"""Schedules, which were sessions of a day, and their records."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.enrollments.models import Course
from apps.legacy.systems.ams.school import AmsSchool
from apps.legacy.values import clock, day, flag, text, words
from apps.legacy.writing.history import OldMark, OldSession, Sums, Unmarked
from apps.legacy.writing.study import enroll_in, year_of
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.sessions.models import ClassSession
from apps.sessions.services import sessions_plan
from apps.tabular_files.fields import Wrong

_ATTENDED = "sum(lower(CAST(status AS TEXT)) IN ('t', 'true', '1'))"


def sessions_move(school: AmsSchool) -> None:
    """What was completed, or has records, was held; what is still to come is planned."""
    run = school.run
    used = {
        *("id", "assignment_id", "date", "start_time", "end_time", "status", "venue"),
        "topic_discussed",
    }
    code = _("a code of a session that is over")
    table = run.table("schedule", used=used, left={"otp": code, "otp_created_at": code})
    marked = _marked(school)
    held: list[tuple[int, OldSession]] = []
    coming: list[tuple[int, OldSession]] = []
    for number, row in run.old.rows("schedule"):
        try:
            session = _session(school, row)
            was_held = flag(row.get("status")) or session.key in marked
        except Wrong as wrong:
            table.leave_out(number, str(wrong))
            continue
        if was_held:
            held.append((number, session))
        elif session.ends_at > run.now:
            coming.append((number, session))
        else:
            table.leave_out(number, _("Was never held."))
    school.history.sessions_write(table, held)
    _plan(school, table, coming)


def _marked(school: AmsSchool) -> set[str]:
    """Ids of sessions that have records."""
    if "attendance_record" not in school.run.old.tables:
        return set()
    found = school.run.old.query("SELECT DISTINCT session_id FROM attendance_record")
    return {text(old) for (old,) in found}


def _session(school: AmsSchool, row: OldRow) -> OldSession:
    held = day(row.get("date"))
    course = school.courses.get((text(row.get("assignment_id")), year_of(held)))
    if course is None:
        raise Wrong(_("Names no assignment that was brought."))
    starts, ends = (
        datetime.combine(held, clock(row.get(name)), tzinfo=school.run.zone)
        for name in ("start_time", "end_time")
    )
    if ends <= starts:
        raise Wrong(_("Ends before it starts."))
    return OldSession(
        key=text(row.get("id")),
        course_id=course.pk,
        faculty_id=course.faculty_id,
        classroom_id=school.room(words(row.get("venue"), 121)),
        starts_at=starts,
        ends_at=ends,
        topic=words(row.get("topic_discussed"), 200),
    )


def _plan(school: AmsSchool, table: TableReport, coming: list[tuple[int, OldSession]]) -> None:
    courses = Course.objects.in_bulk({session.course_id for _n, session in coming})
    wanted = [
        ClassSession(
            course=courses[session.course_id],
            faculty_id=session.faculty_id,
            section_id=courses[session.course_id].section_id,
            classroom_id=session.classroom_id,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
        )
        for _number, session in coming
    ]
    planned = sessions_plan(wanted=wanted, now=school.run.now)
    table.new += len(planned.made)
    for n, (number, session) in enumerate(coming):
        if n in planned.made:
            continue
        _code, other = planned.clashes.get(n, ("", None))
        if other is not None and (other.course_id, other.starts_at) == (
            session.course_id,
            session.starts_at,
        ):
            table.unchanged += 1
        else:
            name = other or _("another one")
            table.leave_out(number, _("Clashes with %(other)s.") % {"other": name})


def records_move(school: AmsSchool) -> None:
    table = school.run.table("attendance_record", used={"id", "student_id", "session_id", "status"})
    starts = _starts(school)
    _enroll(school, starts)
    history = school.history
    history.marks_write(table, history.read_marks(table, lambda row: _mark(school, starts, row)))
    history.compare(_before(school), {p.pk: p.code for p in school.students.values()})


def _starts(school: AmsSchool) -> dict[int, tuple[datetime, Any]]:
    """Id of a brought session → its start and its course."""
    ids = {pk for pk, _course in school.history.sessions.values()}
    found = ClassSession.objects.filter(pk__in=ids).select_related("course__term")
    return {session.pk: (session.starts_at, session.course) for session in found}


def _enroll(school: AmsSchool, starts: dict[int, tuple[datetime, Any]]) -> None:
    """Who has a record of a course belonged to it from the first one on."""
    first: dict[tuple[str, int], date] = {}
    last: dict[int, date] = {}
    courses: dict[int, Any] = {}
    for student, session in _pairs(school):
        moment, course = starts[session]
        held = moment.astimezone(school.run.zone).date()
        key = (student, course.pk)
        first[key] = min(first.get(key, held), held)
        last[course.term_id] = max(last.get(course.term_id, held), held)
        courses[course.pk] = course
    for term_id, until in sorted(last.items()):
        wanted = [
            (student, courses[pk].code, day_)
            for (student, pk), day_ in sorted(first.items())
            if courses[pk].term_id == term_id
        ]
        term = next(term for term in school.terms.values() if term.pk == term_id)
        enroll_in(school.run, term, wanted, last=until)


def _pairs(school: AmsSchool) -> Iterator[tuple[str, int]]:
    """(student's number, session's id) of records that name both."""
    if "attendance_record" not in school.run.old.tables:
        return
    found = school.run.old.query("SELECT DISTINCT student_id, session_id FROM attendance_record")
    for old_student, old_session in found:
        student = school.students.get(text(old_student).lower())
        session = school.history.sessions.get(text(old_session))
        if student is not None and session is not None:
            yield student.code, session[0]


def _mark(school: AmsSchool, starts: dict[int, tuple[datetime, Any]], row: OldRow) -> OldMark:
    student = school.students.get(text(row.get("student_id")).lower())
    if student is None:
        raise Unmarked(_("Names no student who was brought."))
    attended = flag(row.get("status"))
    session = text(row.get("session_id"))
    if session not in school.history.sessions:
        reason = _("Names no session that was brought.")
        raise Unmarked(reason, student_id=student.pk, attended=attended)
    return OldMark(
        session=session,
        student_id=student.pk,
        status="present" if attended else "absent",
        recorded_at=starts[school.history.sessions[session][0]][0],
    )


def _before(school: AmsSchool) -> dict[int, Sums]:
    if "attendance_record" not in school.run.old.tables:
        return {}
    found = school.run.old.query(
        f"SELECT student_id, {_ATTENDED}, count(*) "  # noqa: S608
        "FROM attendance_record GROUP BY lower(student_id)"
    )
    return {
        school.students[text(old).lower()].pk: (attended, marks)
        for old, attended, marks in found
        if text(old).lower() in school.students
    }
