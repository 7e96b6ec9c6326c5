"""A student's own courses and how they stand in them, in a bounded number of statements."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Policy
from apps.attendance.selectors.policies import policies_for
from apps.enrollments.models import Course, Enrollment
from apps.reports.selectors.courses import remaining_of
from apps.reports.selectors.risk import risk_of


def courses_attended(*, student: Student) -> QuerySet[Course]:
    return (
        Course.objects.filter(
            enrollments__student=student, enrollments__status=Enrollment.Status.ENROLLED
        )
        .select_related("subject")
        .order_by("code")
    )


def student_courses(*, student: Student, now: datetime) -> list[dict[str, Any]]:
    """Each course with the figures and the outlook of `risk_of`, and how the student stands.

    `standing` is "below" the limit, "near" it, "fine", or "" before a class counts. Four
    statements, whatever the number of courses.
    """
    courses = list(courses_attended(student=student))
    ids = [course.pk for course in courses]
    summaries = {
        summary.course_id: summary for summary in AttendanceSummary.objects.filter(student=student)
    }
    policies = policies_for(course_ids=ids)
    left = remaining_of(ids, now=now)
    return [
        _course_row(
            course,
            summaries.get(course.pk),
            policy=policies[course.pk],
            left=left.get(course.pk, 0),
        )
        for course in courses
    ]


def _course_row(
    course: Course, summary: AttendanceSummary | None, *, policy: Policy, left: int
) -> dict[str, Any]:
    figures = risk_of(summary or AttendanceSummary(), policy.defaulter_percent, left)
    percent = figures["percentage"]
    standing = "fine"
    if percent is None:
        standing = ""
    elif percent < policy.defaulter_percent:
        standing = "below"
    elif percent < policy.warn_percent:
        standing = "near"
    return {**figures, "course": course, "standing": standing}


def student_history(
    *, student: Student, course: Course | None = None
) -> QuerySet[AttendanceRecord]:
    """The student's records, of one course if named, newest session first.

    Each has its `changes`, newest first.
    """
    records = AttendanceRecord.objects.filter(student=student)
    if course is not None:
        records = records.filter(course=course)
    return (
        records.select_related("session", "course__subject", "label")
        .prefetch_related("changes")
        .order_by("-session__starts_at", "-id")
    )
