"""Changes of single sessions of the timetable: checked for clashes, recorded, and told."""

from collections.abc import Sequence
from copy import copy
from datetime import datetime

from django.db import transaction

from apps.accounts.models import Faculty
from apps.audit.services import Actor
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.sessions.notices import session_moved, session_substituted
from apps.sessions.services import session_change, session_create, sessions_swap


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
    also: Sequence[Course] = (),
) -> ClassSession:
    """Schedule one more meeting of a course, by hand; with further courses as one class."""
    return session_create(
        course=course,
        starts_at=starts_at,
        ends_at=ends_at,
        classroom=classroom,
        topic=topic,
        also=also,
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
    session_moved(session=changed, before=before, now=now)
    return changed


@transaction.atomic
def session_swap(
    *, first: ClassSession, second: ClassSession, now: datetime, actor: Actor
) -> tuple[ClassSession, ClassSession]:
    """Two scheduled sessions exchange their times and rooms, both or neither."""
    swapped = sessions_swap(first=first, second=second, now=now, actor=actor)
    for session, before in zip(swapped, (first, second), strict=True):
        session_moved(session=session, before=before, now=now)
    return swapped


@transaction.atomic
def session_substitute(
    *, session: ClassSession, faculty: Faculty, now: datetime, actor: Actor
) -> ClassSession:
    """Let another lecturer hold a scheduled session: its codes and its register are theirs then.

    Both lecturers and the students are told. Refuses where that lecturer is busy at that time.
    """
    before = copy(session)
    changed = session_change(
        session=session,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        classroom=session.classroom,
        faculty=faculty,
        now=now,
        actor=actor,
    )
    session_substituted(session=changed, before=before, now=now)
    return changed
