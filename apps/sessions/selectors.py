"""Finding class sessions. `session_of` is the look-up that interfaces use: it hides what is not
the asker's own."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.common.errors import NotFound
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

FACTS_SECONDS: Final = 600


def campus_zone() -> ZoneInfo:
    """The entered campus's time zone; one query."""
    return Campus.objects.get(pk=current_campus_id()).zone


def sessions_of(*, faculty: Faculty) -> QuerySet[ClassSession]:
    """The sessions that this faculty member holds, newest first."""
    return (
        ClassSession.objects.filter(faculty=faculty)
        .select_related("course__subject", "course__section__department", "classroom__building")
        .order_by("-starts_at", "-id")
    )


def session_of(*, faculty: Faculty, session_id: int) -> ClassSession:
    """The faculty member's own session; anybody else's is `NotFound`."""
    session = sessions_of(faculty=faculty).filter(pk=session_id).first()
    if session is None:
        raise NotFound("session_not_found", _("There is no such session of yours."))
    return session


def any_session(*, session_id: int) -> ClassSession:
    """A session of this campus, of any lecturer: for those who see all of them."""
    session = ClassSession.objects.filter(pk=session_id).select_related("course").first()
    if session is None:
        raise NotFound("session_not_found", _("There is no such session on this campus."))
    return session


def course_of(*, faculty: Faculty, course_id: int) -> Course:
    """An active course taught by this faculty member; anybody else's is `NotFound`."""
    course = (
        Course.objects.filter(pk=course_id, faculty=faculty, is_active=True)
        .select_related("classroom", "subject", "faculty")
        .first()
    )
    if course is None:
        raise NotFound("course_not_found", _("There is no such course of yours."))
    return course


def session_due(
    *, course: Course, now: datetime, before: timedelta, after: timedelta
) -> ClassSession | None:
    """The scheduled session of this course that may be opened now, nearest start first."""
    candidates = ClassSession.objects.filter(
        meeting(course=course),
        status=ClassSession.Status.SCHEDULED,
        starts_at__range=(now - after, now + before),
    )
    return min(candidates, key=lambda session: abs(session.starts_at - now), default=None)


def meeting(**filters: Any) -> Q:
    """Look-ups on the courses of a session (`SessionCourse`), as one on sessions."""
    return Q(pk__in=SessionCourse.objects.filter(**filters).order_by().values("session"))


def course_ids_of(session: ClassSession) -> list[int]:
    """All courses of a session, the leading one first. One statement where they are saved."""
    if session.pk is None or session.also:
        return [session.course_id, *(course.pk for course in session.also)]
    further = SessionCourse.objects.filter(session=session, is_lead=False)
    return [session.course_id, *further.order_by("pk").values_list("course_id", flat=True)]


def open_sessions_of(*, course_ids: Collection[int]) -> list[ClassSession]:
    """The sessions of these courses that are open."""
    found = ClassSession.objects.filter(
        meeting(course__in=course_ids), status=ClassSession.Status.OPEN
    )
    return list(found.select_related("course__subject", "classroom").order_by("starts_at", "pk"))


def session_open_about(*, faculty: Faculty, course: Course, topic: str) -> ClassSession | None:
    """The open session of that course and topic: what a second press of Start asks for."""
    opened = open_sessions_of(course_ids=[course.pk])
    return next((s for s in opened if s.faculty_id == faculty.pk and s.topic == topic), None)


def session_planned(*, faculty: Faculty, session_id: int) -> ClassSession:
    """A session that this lecturer plans: held by them, or of an own course that a substitute
    holds. Any other is `NotFound`."""
    session = (
        ClassSession.objects.filter(Q(faculty=faculty) | Q(course__faculty=faculty), pk=session_id)
        .select_related("course__subject", "course__section__department", "classroom__building")
        .select_related("faculty", "course__faculty")
        .first()
    )
    if session is None:
        raise NotFound("session_not_found", _("There is no such session of yours."))
    return session


def swap_candidates(*, session: ClassSession, faculty: Faculty, now: datetime) -> Any:
    """The lecturer's scheduled sessions that could exchange their time with this one."""
    found = sessions_of(faculty=faculty).filter(
        status=ClassSession.Status.SCHEDULED, starts_at__gte=now
    )
    return found.exclude(pk=session.pk).order_by("starts_at", "id")


def facts_cache_key(session_id: int) -> str:
    return f"session:{current_campus_id()}:{session_id}"


CHECK_IN_COLUMNS: Final = (
    *("id", "course_id", "status", "policy", "starts_at", "ends_at", "opened_at"),
)
_CHECK_IN_ROW: Final = (
    "SELECT id, course_id, status, policy::text, starts_at, ends_at, opened_at "
    "FROM class_sessions_classsession WHERE id = %s"
)


def session_facts(*, session_id: int) -> dict[str, Any] | None:
    """Course and status of a session, for the scan of a code; cached until they change."""
    key = facts_cache_key(session_id)
    facts: dict[str, Any] | None = cache.get(key)
    if facts is None:
        session = ClassSession.objects.filter(pk=session_id).only("course_id", "status").first()
        if session is None:
            return None
        facts = {"id": session.pk, "course_id": session.course_id, "status": session.status}
        cache.set(key, facts, FACTS_SECONDS)
    return facts


def lock_for_check_in(*, session_id: int) -> dict[str, Any] | None:
    """What a check-in needs of its session, held with FOR SHARE until the transaction ends.

    Many check-ins share the lock; closing the session (FOR UPDATE) waits for them, and those that
    come later see it closed.
    """
    return _check_in_row(session_id, "FOR SHARE")


def lock_for_late_check_in(*, session_id: int) -> dict[str, Any] | None:
    """The same for a check-in that may come after the closing.

    A completed session is held alone, because its counters follow: of two that shared it, each
    would wait for the other one. Lock the student before it, as everywhere.
    """
    row = _check_in_row(session_id, "")
    if row is not None and row["status"] != ClassSession.Status.COMPLETED:
        with transaction.atomic():
            row = _check_in_row(session_id, "FOR SHARE")
            if row is None or row["status"] != ClassSession.Status.COMPLETED:
                return row
            transaction.set_rollback(True)  # closed just now: let go of what is shared
    return _check_in_row(session_id, "FOR NO KEY UPDATE")


def session_for_check_in(*, session_id: int) -> dict[str, Any] | None:
    """The same without holding it: for what was copied at the opening."""
    return _check_in_row(session_id, "")


def _check_in_row(session_id: int, lock: str) -> dict[str, Any] | None:
    """Django has no FOR SHARE, hence by hand; row level security keeps it inside the campus."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_CHECK_IN_ROW} {lock}", [session_id])
        row = cursor.fetchone()
    if row is None:
        return None
    return dict(zip(CHECK_IN_COLUMNS, row, strict=True))
