"""One student: every course with its limit and outlook, the total, the marks."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.accounts.viewers import STUDENT_WAYS
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.common.errors import NotFound
from apps.reports.asked import Asked
from apps.reports.percentages import percentage
from apps.reports.selectors.courses import limits_of, remaining_of
from apps.reports.selectors.risk import risk_of
from apps.reports.tables import Row

SUMMED = ("sessions", "attended", "late", "absent", "excused")


def student_seen(asked: Asked, *, student_id: int) -> Student:
    """A student whom this person may see; raises `NotFound` (no_such_student) for any other."""
    student = asked.viewer.limit(Student.objects.filter(pk=student_id), **STUDENT_WAYS).first()
    if student is None:
        raise NotFound("no_such_student", _("No such student."))
    return student


def student_report(asked: Asked, *, student: Student) -> dict[str, Any]:
    """Statistics of the courses that were asked for; lecturers see those of their own courses.

    {"courses": one row each, "total": over all of them}. Three statements, however many courses.
    """
    summaries = list(
        AttendanceSummary.objects.filter(asked.courses("course__"), student=student)
        .select_related("course__subject", "course__term")
        .order_by("-course__term__starts_on", "course__code")
    )
    ids = {summary.course_id for summary in summaries}
    limits = limits_of(ids, asked.filters.threshold)
    left = remaining_of(ids, now=asked.now, zone=asked.zone)
    courses = [
        {**_course_of(row), **risk_of(row, limits[row.course_id], left.get(row.course_id, 0))}
        for row in summaries
    ]
    return {"courses": courses, "total": _total(courses)}


def _course_of(summary: AttendanceSummary) -> Row:
    return {
        "course": summary.course_id,
        "course_code": summary.course.code,
        "course_name": summary.course.subject.name,
        "term": str(summary.course.term),
        "first_attended": summary.first_attendance_on,
        "last_attended": summary.last_attendance_on,
    }


def _total(courses: list[Row]) -> Row:
    sums = {name: sum(row[name] for row in courses) for name in SUMMED}
    return {**sums, "percentage": percentage(sums["attended"], sums["sessions"])}


def student_records(asked: Asked, *, student: Student) -> QuerySet[AttendanceRecord]:
    """The student's marks of the courses and days that were asked for, newest session first."""
    found = asked.courses("session__course__") & asked.days("session__starts_at")
    return (
        AttendanceRecord.objects.filter(found, student=student)
        .select_related("session__course__subject", "label", "attempt")
        .order_by("-session__starts_at", "-id")
    )


def record_row(record: AttendanceRecord) -> Row:
    """One mark, for the student's own list."""
    session = record.session
    return {
        "id": record.pk,
        "session": session.pk,
        "starts_at": session.starts_at,
        "course": session.course_id,
        "course_code": session.course.code,
        "course_name": session.course.subject.name,
        "topic": session.topic,
        "status": record.status,
        "label": record.label.name if record.label else record.get_status_display(),
        "source": record.source,
        "method": record.attempt.method if record.attempt else "",
        "minutes_late": record.minutes_late,
        "score": record.verification_score,
        "recorded_at": record.recorded_at,
    }
