"""What the student's pages show, in a bounded number of statements."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Policy
from apps.attendance.selectors.policies import policies_for
from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Course, Enrollment
from apps.portal.shared.days import begins_or_runs, day_bounds
from apps.reports.selectors.courses import remaining_of
from apps.reports.selectors.risk import risk_of
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting


def student_sessions_today(
    *, student: Student, now: datetime, waiting: Iterable[CheckInAttempt] = ()
) -> list[ClassSession]:
    """Today's sessions of the student's courses, with `my_status` ("" before there is one).

    `waiting` are the student's check-ins that wait for a decision.
    """
    start, end = day_bounds(now)
    sessions = list(
        ClassSession.objects.filter(
            begins_or_runs(start, end),
            meeting(
                course__enrollments__student=student,
                course__enrollments__status=Enrollment.Status.ENROLLED,
            ),
        )
        .select_related("course__subject", "classroom__building")
        .order_by("starts_at", "id")
    )
    statuses = dict(
        AttendanceRecord.objects.filter(student=student, session__in=sessions).values_list(
            "session_id", "status"
        )
    )
    statuses.update({attempt.session_id: "waiting" for attempt in waiting})
    for session in sessions:
        session.my_status = statuses.get(session.pk, "")  # type: ignore[attr-defined]
    return sessions


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
