"""One student: every course with its limit and outlook, the total, the marks."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.accounts.viewers import STUDENT_WAYS
from apps.attendance.models import AttendanceRecord
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.attempts import attempts_behind
from apps.common.errors import NotFound
from apps.common.rows import FixedQuery
from apps.enrollments.models import Course
from apps.reports.asked import Asked
from apps.reports.percentages import percentage
from apps.reports.selectors.risk import risk_of
from apps.reports.selectors.standings import CourseStanding, standings_of_student
from apps.reports.tables import Row
from apps.tenants.scope import current_campus_id

_STUDENT = FixedQuery(Student, "campus_id = %s AND id = %s")
SUMMED = ("sessions", "attended", "late", "absent", "excused")


def student_seen(asked: Asked, *, student_id: int) -> Student:
    """A student whom this person may see; raises `NotFound` (no_such_student) for any other."""
    if asked.viewer.office:
        student = _STUDENT.first(current_campus_id(), student_id)
    else:
        seen = asked.viewer.limit(Student.objects.filter(pk=student_id), **STUDENT_WAYS)
        student = seen.first()
    if student is None:
        raise NotFound("no_such_student", _("No such student."))
    return student


def student_report(asked: Asked, *, student: Student) -> dict[str, Any]:
    """Statistics of the courses that were asked for; lecturers see those of their own courses.

    {"courses": one row each, "total": over all of them}. One statement, and one more where courses
    were asked for.
    """
    found = asked.courses()
    ids = Course.objects.filter(found).values_list("pk", flat=True) if found else None
    standings = standings_of_student(asked, student_id=student.pk, course_ids=ids)
    courses = [{**_course_of(row), **risk_of(row, row.limit, row.remaining)} for row in standings]
    return {"courses": courses, "total": _total(courses)}


def _course_of(standing: CourseStanding) -> Row:
    return {
        "course": standing.course_id,
        "course_code": standing.course_code,
        "course_name": standing.course_name,
        "term": standing.term,
        "first_attended": standing.first_attendance_on,
        "last_attended": standing.last_attendance_on,
    }


def _total(courses: list[Row]) -> Row:
    sums = {name: sum(row[name] for row in courses) for name in SUMMED}
    return {**sums, "percentage": percentage(sums["attended"], sums["sessions"])}


def student_records(asked: Asked, *, student: Student) -> QuerySet[AttendanceRecord]:
    """The student's marks of the courses and days that were asked for, newest session first."""
    found = asked.courses("course__") & asked.days("session__starts_at")
    return (
        AttendanceRecord.objects.filter(found, student=student)
        .select_related("session", "course__subject", "label")
        .order_by("-session__starts_at", "-id")
    )


def record_rows(records: Sequence[AttendanceRecord]) -> list[Row]:
    """These marks, for the student's own list. One statement."""
    behind = attempts_behind(records=records)
    return [_record_row(one, behind.get(one.attempt_id)) for one in records]


def _record_row(record: AttendanceRecord, attempt: CheckInAttempt | None) -> Row:
    session = record.session
    return {
        "id": record.pk,
        "session": session.pk,
        "starts_at": session.starts_at,
        "course": record.course_id,
        "course_code": record.course.code,
        "course_name": record.course.subject.name,
        "topic": session.topic,
        "status": record.status,
        "label": record.label.name if record.label else record.get_status_display(),
        "source": record.source,
        "method": attempt.method if attempt else "",
        "minutes_late": record.minutes_late,
        "score": record.verification_score,
        "recorded_at": record.recorded_at,
    }
