"""Changes of single sessions of the timetable: checked for clashes, recorded, and told."""

from copy import copy
from datetime import datetime

from django.db import transaction

from apps.audit.services import Actor
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.sessions.services import (
    session_cancel,
    session_change,
    session_create,
    session_remove,
    sessions_swap,
)
from apps.timetable import notices


@transaction.atomic
def session_plan(
    *,
    course: Course,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    actor: Actor,
    classroom: Classroom | None = None,
    topic: str = "",
) -> ClassSession:
    """Schedule one more meeting of a course, by hand."""
    return session_create(
        course=course,
        starts_at=starts_at,
        ends_at=ends_at,
        classroom=classroom,
        topic=topic,
        now=now,
        actor=actor,
    )


@transaction.atomic
def session_reschedule(
    *,
    session: ClassSession,
    starts_at: datetime,
    ends_at: datetime,
    classroom: Classroom | None,
    now: datetime,
    actor: Actor,
    topic: str | None = None,
) -> ClassSession:
    """Move a scheduled session to another time or room; its topic stays unless one is given.

    Students and the lecturer are told where time or room changed. Refuses clashes (see
    `apps.sessions.clashes`) and sessions that are not scheduled.
    """
    before = copy(session)
    changed = session_change(
        session=session,
        starts_at=starts_at,
        ends_at=ends_at,
        classroom=classroom,
        topic=topic,
        now=now,
        actor=actor,
    )
    if _place(changed) != _place(before):
        notices.session_moved(session=changed, before=before, zone=campus_zone(), now=now)
    return changed


def _place(session: ClassSession) -> tuple[datetime, datetime, int | None]:
    return session.starts_at, session.ends_at, session.classroom_id


@transaction.atomic
def session_swap(
    *, first: ClassSession, second: ClassSession, now: datetime, actor: Actor
) -> tuple[ClassSession, ClassSession]:
    """Two scheduled sessions exchange their times and rooms, both or neither."""
    swapped = sessions_swap(first=first, second=second, now=now, actor=actor)
    zone = campus_zone()
    for session, before in zip(swapped, (first, second), strict=True):
        notices.session_moved(session=session, before=before, zone=zone, now=now)
    return swapped


@transaction.atomic
def session_call_off(
    *, session: ClassSession, note: str, now: datetime, actor: Actor
) -> ClassSession:
    """Cancel a scheduled session with a note that students and the lecturer read."""
    cancelled = session_cancel(session=session, reason=note, now=now, actor=actor)
    notices.session_cancelled(session=cancelled, note=note, zone=campus_zone(), now=now)
    return cancelled


@transaction.atomic
def session_drop(
    *, session: ClassSession, note: str, now: datetime, actor: Actor
) -> ClassSession | None:
    """Take a scheduled session off the timetable: deleted, or cancelled where check-ins hang on it.

    Returns the cancelled session, None when it was deleted. Both are told.
    """
    before = copy(session)
    cancelled = session_remove(session=session, reason=note, now=now, actor=actor)
    notices.session_cancelled(session=before, note=note, zone=campus_zone(), now=now)
    return cancelled
