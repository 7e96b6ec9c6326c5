"""What students and lecturers are told when a session does not take place as it was planned."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.enrollments.models import Course, Enrollment
from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone, course_ids_of


def audience(*, course_ids: Collection[int]) -> set[int]:
    """Accounts of the enrolled students and of the lecturers of these courses. Two statements."""
    students = Enrollment.objects.filter(
        course_id__in=course_ids,
        status=Enrollment.Status.ENROLLED,
        student__is_active=True,
        student__user__isnull=False,
    ).order_by()
    lecturers = Course.objects.filter(pk__in=course_ids, faculty__user__isnull=False).order_by()
    return {
        *students.values_list("student__user_id", flat=True),
        *lecturers.values_list("faculty__user_id", flat=True),
    }


def _audience_of(session: ClassSession, course_ids: Collection[int] | None = None) -> set[int]:
    """Who attends a session and who holds it: a substitute is not the lecturer of its course."""
    found = audience(course_ids=course_ids or course_ids_of(session))
    holder = session.faculty.user_id
    return found | {holder} if holder else found


def _place(session: ClassSession, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "when": period_text(session.starts_at, session.ends_at, zone),
        "room": str(session.classroom or "–"),
    }


def _where(session: ClassSession) -> tuple[datetime, datetime, int | None]:
    return session.starts_at, session.ends_at, session.classroom_id


def session_moved(*, session: ClassSession, before: ClassSession, now: datetime) -> int:
    """The session has another time or room; `before` is how it stood.

    Nobody is told where neither changed, nor of what is over both ways.
    """
    if _where(session) == _where(before) or max(session.ends_at, before.ends_at) <= now:
        return 0
    zone = campus_zone()
    old = _place(before, zone)
    return notify(
        kind="session_moved",
        user_ids=_audience_of(session),
        data={
            "session": session.pk,
            "course": session.title,
            "old_when": old["when"],
            "old_room": old["room"],
            **_place(session, zone),
        },
        now=now,
        key=f"session_moved:{session.pk}:{session.revision}",
    )


def session_cancelled(
    *, session: ClassSession, note: str, now: datetime, course_ids: Collection[int] | None = None
) -> int:
    """The session does not take place; nobody is told of one that is over.

    `course_ids`: its courses, where the session is deleted already.
    """
    if session.ends_at <= now:
        return 0
    return notify(
        kind="session_cancelled",
        user_ids=_audience_of(session, course_ids),
        data={
            "session": session.pk,
            "course": session.title,
            "note": note,
            **_place(session, campus_zone()),
        },
        now=now,
        key=f"session_cancelled:{session.pk}:{session.revision}",
    )


def session_substituted(*, session: ClassSession, before: ClassSession, now: datetime) -> int:
    """Another lecturer holds the session; `before` is how it stood.

    Nobody is told of what is over.
    """
    if session.faculty_id == before.faculty_id or session.ends_at <= now:
        return 0
    former = before.faculty.user_id
    return notify(
        kind="session_moved",
        text="session_substituted",
        user_ids=_audience_of(session) | ({former} if former else set()),
        data={
            "session": session.pk,
            "course": session.title,
            "lecturer": session.faculty.full_name,
            **_place(session, campus_zone()),
        },
        now=now,
        key=f"session_substituted:{session.pk}:{session.revision}:{session.faculty_id}",
    )


def session_closed_itself(*, session: ClassSession, now: datetime) -> int:
    """To the lecturer, who left it open."""
    user_id = session.faculty.user_id
    return notify(
        kind="session_closed_itself",
        user_ids={user_id} if user_id else (),
        data={
            "session": session.pk,
            "course": session.title,
            **_place(session, campus_zone()),
        },
        now=now,
        key=f"session_closed_itself:{session.pk}",
    )
