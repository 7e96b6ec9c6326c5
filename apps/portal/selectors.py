"""What the portal's pages show, in a bounded number of statements."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.attendance.policies import policies_for, window_of
from apps.attendance.selectors import ATTENDED
from apps.enrollments.models import Course, Enrollment
from apps.sessions.models import ClassSession
from apps.sessions.selectors import sessions_of

UPCOMING_DAYS: Final = 7
UPCOMING_LIMIT: Final = 30
REQUIRED_PERCENT: Final = 75  # what the student's page warns below (spec AMS-28)


def day_bounds(now: datetime) -> tuple[datetime, datetime]:
    """Midnight to midnight around `now`, on the active time zone's calendar (DST-safe)."""
    today = timezone.localdate(now)
    zone = timezone.get_current_timezone()
    start = datetime.combine(today, datetime.min.time(), tzinfo=zone)
    return start, datetime.combine(today + timedelta(days=1), datetime.min.time(), tzinfo=zone)


def sessions_today(*, faculty: Faculty, now: datetime) -> list[ClassSession]:
    """The lecturer's sessions of today and any still open, with `can_start` and `counts`."""
    start, end = day_bounds(now)
    sessions: list[Any] = list(
        sessions_of(faculty=faculty)
        .filter(Q(starts_at__gte=start, starts_at__lt=end) | Q(status=ClassSession.Status.OPEN))
        .annotate(here=Count("records", filter=Q(records__status__in=ATTENDED)))
        .order_by("starts_at", "id")
    )
    policies = policies_for(course_ids=[session.course_id for session in sessions])
    for session in sessions:
        before, after = window_of(policies[session.course_id])
        due = session.starts_at - before <= now <= session.starts_at + after
        session.can_start = due
        session.counts = {"here": session.here, "enrolled": session.total_enrolled}
    return sessions


def sessions_upcoming(*, faculty: Faculty, now: datetime) -> list[dict[str, Any]]:
    """The next seven days after today, as [{date, sessions}]."""
    _start, tomorrow = day_bounds(now)
    sessions = (
        sessions_of(faculty=faculty)
        .filter(
            status=ClassSession.Status.SCHEDULED,
            starts_at__gte=tomorrow,
            starts_at__lt=tomorrow + timedelta(days=UPCOMING_DAYS),
        )
        .order_by("starts_at", "id")[:UPCOMING_LIMIT]
    )
    days = groupby(sessions, key=lambda session: timezone.localdate(session.starts_at))
    return [{"date": day, "sessions": list(group)} for day, group in days]


def courses_taught(*, faculty: Faculty) -> QuerySet[Course]:
    return (
        Course.objects.filter(faculty=faculty, is_active=True)
        .select_related("subject")
        .order_by("code")
    )


def student_sessions_today(*, student: Student, now: datetime) -> list[ClassSession]:
    """Today's sessions of the student's courses, with `my_status` ("" before there is one)."""
    start, end = day_bounds(now)
    sessions = list(
        ClassSession.objects.filter(
            course__enrollments__student=student,
            course__enrollments__status=Enrollment.Status.ENROLLED,
            starts_at__gte=start,
            starts_at__lt=end,
        )
        .select_related("course__subject", "classroom__building")
        .order_by("starts_at", "id")
    )
    statuses = dict(
        AttendanceRecord.objects.filter(student=student, session__in=sessions).values_list(
            "session_id", "status"
        )
    )
    for session in sessions:
        session.my_status = statuses.get(session.pk, "")  # type: ignore[attr-defined]
    return sessions


def student_courses(*, student: Student) -> list[dict[str, Any]]:
    """Each course of the student with its summary; percent is None before the first class."""
    summaries = {
        summary.course_id: summary for summary in AttendanceSummary.objects.filter(student=student)
    }
    enrollments = (
        Enrollment.objects.filter(student=student, status=Enrollment.Status.ENROLLED)
        .select_related("course__subject")
        .order_by("course__code")
    )
    return [_course_row(row.course, summaries.get(row.course_id)) for row in enrollments]


def _course_row(course: Course, summary: AttendanceSummary | None) -> dict[str, Any]:
    held = summary.total_sessions if summary else 0
    return {
        "course": course,
        "held": held,
        "attended": summary.attended_sessions if summary else 0,
        "percent": summary.attendance_percentage if summary and held else None,
        "required": REQUIRED_PERCENT,
    }


def student_history(*, student: Student) -> QuerySet[AttendanceRecord]:
    """The student's records, newest session first."""
    return (
        AttendanceRecord.objects.filter(student=student)
        .select_related("session__course__subject", "attempt")
        .order_by("-session__starts_at", "-id")
    )
