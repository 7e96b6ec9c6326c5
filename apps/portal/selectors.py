"""What the portal's pages show, in a bounded number of statements."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Policy
from apps.attendance.selectors.policies import policies_for, window_of
from apps.attendance.selectors.register import ATTENDED
from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Course, Enrollment
from apps.reports.selectors.courses import remaining_of
from apps.reports.selectors.risk import risk_of
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting, sessions_of
from apps.tenants.search import matching

UPCOMING_DAYS: Final = 7
UPCOMING_LIMIT: Final = 30
CANDIDATES: Final = 8  # students offered at once for a one-time code


def day_bounds(now: datetime) -> tuple[datetime, datetime]:
    """Midnight to midnight around `now`, on the active time zone's calendar (DST-safe)."""
    today = timezone.localdate(now)
    zone = timezone.get_current_timezone()
    start = datetime.combine(today, datetime.min.time(), tzinfo=zone)
    return start, datetime.combine(today + timedelta(days=1), datetime.min.time(), tzinfo=zone)


def _on(start: datetime, end: datetime) -> Q:
    """Sessions that begin on the day, and those of the day before that run into it."""
    return Q(starts_at__gte=start, starts_at__lt=end) | Q(
        starts_at__gte=start - timedelta(days=1), starts_at__lt=start, ends_at__gt=start
    )


def sessions_today(*, faculty: Faculty, now: datetime) -> list[ClassSession]:
    """The lecturer's sessions of today and any still open, with `can_start` and `counts`."""
    start, end = day_bounds(now)
    sessions: list[Any] = list(
        sessions_of(faculty=faculty)
        .filter(_on(start, end) | Q(status=ClassSession.Status.OPEN))
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


def student_sessions_today(
    *, student: Student, now: datetime, waiting: Iterable[CheckInAttempt] = ()
) -> list[ClassSession]:
    """Today's sessions of the student's courses, with `my_status` ("" before there is one).

    `waiting` are the student's check-ins that wait for a decision.
    """
    start, end = day_bounds(now)
    sessions = list(
        ClassSession.objects.filter(
            _on(start, end),
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


def code_candidates(*, session: ClassSession, query: str) -> list[Student]:
    """Who may be given a one-time code: students of the course whose name or number matches, or,
    without a query, the first ones that have not been marked."""
    students = Student.objects.filter(
        enrollments__course=session.course_id, enrollments__status=Enrollment.Status.ENROLLED
    ).order_by("code")
    if query.strip():
        return list(matching(students, query)[:CANDIDATES])
    marked = AttendanceRecord.objects.filter(session=session).values("student_id")
    return list(students.exclude(pk__in=marked)[:CANDIDATES])


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


def student_history(*, student: Student) -> QuerySet[AttendanceRecord]:
    """The student's records, newest session first, each with its `changes`, newest first."""
    return (
        AttendanceRecord.objects.filter(student=student)
        .select_related("session", "course__subject", "label")
        .prefetch_related("changes")
        .order_by("-session__starts_at", "-id")
    )
