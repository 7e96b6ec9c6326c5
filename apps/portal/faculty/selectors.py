"""What the lecturer's pages show, in a bounded number of statements."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord
from apps.attendance.selectors.policies import policies_for, window_of
from apps.attendance.selectors.register import ATTENDED
from apps.common.errors import NotFound
from apps.enrollments.models import Course, Enrollment
from apps.portal.shared.days import begins_or_runs, day_bounds
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import meeting, sessions_of
from apps.tenants.search import matching

UPCOMING_DAYS: Final = 7
UPCOMING_LIMIT: Final = 30
CANDIDATES: Final = 8  # students offered at once for a one-time code


def sessions_today(*, faculty: Faculty, now: datetime) -> list[ClassSession]:
    """The lecturer's sessions of today and any still open, with `can_start` and `counts`."""
    start, end = day_bounds(now)
    sessions: list[Any] = list(
        sessions_of(faculty=faculty)
        .filter(begins_or_runs(start, end) | Q(status=ClassSession.Status.OPEN))
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


# --- Courses and their sessions --------------------------------------------------------------


def courses_seen(*, faculty: Faculty) -> QuerySet[Course]:
    """The courses whose pages a lecturer opens: their own, also past ones, and those of which they
    hold a session as a substitute."""
    held = ClassSession.objects.filter(faculty=faculty).order_by().values("course")
    also = SessionCourse.objects.filter(session__faculty=faculty).order_by().values("course")
    return Course.objects.filter(
        Q(faculty=faculty) | Q(pk__in=held) | Q(pk__in=also)
    ).select_related("subject", "section__department", "classroom__building", "term", "faculty")


def course_seen(*, faculty: Faculty, course_id: int) -> Course:
    """One of them; any other is `NotFound`."""
    course = courses_seen(faculty=faculty).filter(pk=course_id).first()
    if course is None:
        raise NotFound("course_not_found", _("There is no such course of yours."))
    return course


def course_sessions(*, course: Course, faculty: Faculty) -> QuerySet[ClassSession]:
    """All sessions of an own course; of another lecturer's those that this one holds."""
    found = ClassSession.objects.filter(meeting(course=course)).select_related(
        "course__subject", "classroom__building", "faculty"
    )
    return found if course.faculty_id == faculty.pk else found.filter(faculty=faculty)


def course_days(
    *, course: Course, faculty: Faculty, now: datetime
) -> dict[str, QuerySet[ClassSession]]:
    """The sessions of a course: of today or open, coming (earliest first), past (latest first)."""
    start, end = day_bounds(now)
    today = begins_or_runs(start, end) | Q(status=ClassSession.Status.OPEN)
    found = course_sessions(course=course, faculty=faculty)
    others = found.exclude(today)
    return {
        "today": found.filter(today).order_by("starts_at", "id"),
        "coming": others.filter(starts_at__gte=end).order_by("starts_at", "id"),
        "past": others.filter(starts_at__lt=end).order_by("-starts_at", "-id"),
    }


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
