"""What is planned: scheduling, changing, exchanging, cancelling and removing sessions."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.audit.services import Actor, log_event
from apps.classrooms.models import Classroom
from apps.common.cache import invalidate
from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Course
from apps.sessions.clashes import clashes_refused
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.notices import session_cancelled
from apps.sessions.selectors import course_ids_of, facts_cache_key
from apps.tenants.scope import current_campus_id

DEFAULT_LENGTH: Final = timedelta(minutes=60)
Status = ClassSession.Status
_WRITE: Final = """
    UPDATE class_sessions_classsession s
    SET starts_at = w.starts_at, ends_at = w.ends_at, classroom_id = w.classroom_id,
        faculty_id = w.faculty_id, topic = w.topic, status = 'scheduled', closed_at = NULL,
        updated_at = %(now)s
    FROM unnest(%(ids)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(rooms)s::bigint[], %(faculty)s::bigint[], %(topics)s::text[])
        AS w(id, starts_at, ends_at, classroom_id, faculty_id, topic)
    WHERE s.campus_id = %(campus)s AND s.id = w.id
"""


@transaction.atomic
def session_create(
    *,
    course: Course,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    actor: Actor,
    classroom: Classroom | None = None,
    topic: str = "",
    is_planned: bool = True,
    also: Sequence[Course] = (),
) -> ClassSession:
    """Schedule one meeting of a course in its usual room unless another is named.

    `also`: further courses that meet with it as one class (see `refuse_unlike`).

    Refuses where the room, the lecturer or the section has another planned session at that time
    (see `clashes_refused`). A session that is not planned, because its lecturer stands before the
    class already, occupies nothing and is not refused: what happens goes before what was planned.
    """
    session = ClassSession(
        course=course,
        faculty=course.faculty,
        section_id=course.section_id,
        classroom=classroom or course.classroom,
        starts_at=starts_at,
        ends_at=ends_at,
        topic=topic,
        is_planned=is_planned,
    )
    session.also = refuse_unlike(course=course, also=also)
    check_period(session)
    with clashes_refused(session):
        session.save()
        _courses_add(session, session.also)
    data = {"also": [other.pk for other in session.also]} if session.also else {}
    log_event(actor=actor, action="sessions.session.created", now=now, target=session, data=data)
    return session


def refuse_unlike(*, course: Course, also: Sequence[Course]) -> Sequence[Course]:
    """These courses, where they can meet with that one as one class: of the same term and with the
    same lecturer. Raises `Invalid` (other_term, other_lecturer, repeated_course)."""
    if len({course.pk, *(other.pk for other in also)}) != len(also) + 1:
        raise Invalid("repeated_course", _("A course is named twice."))
    for other in also:
        if other.term_id != course.term_id:
            message = _("%(course)s is of another term.")
            raise Invalid("other_term", message % {"course": other.code})
        if other.faculty_id != course.faculty_id:
            message = _("%(course)s has another lecturer.")
            raise Invalid("other_lecturer", message % {"course": other.code})
    return also


def _courses_add(session: ClassSession, courses: Sequence[Course]) -> None:
    if courses:
        SessionCourse.objects.bulk_create(
            SessionCourse(session=session, course=course) for course in courses
        )
        session.refresh_from_db(fields=["also_codes", "revision", "updated_at"])


@transaction.atomic
def session_courses_set(
    *, session: ClassSession, also: Sequence[Course], now: datetime, actor: Actor
) -> ClassSession:
    """Let exactly these further courses meet with a scheduled session's own.

    Refuses where a section of theirs is busy, as `session_create` does.
    """
    locked = sessions_locked([session.pk], [Status.SCHEDULED])[0]
    refuse_unlike(course=locked.course, also=also)
    wanted = {course.pk for course in also}
    further = SessionCourse.objects.filter(session=locked, is_lead=False)
    before = set(further.values_list("course_id", flat=True))
    if wanted == before:
        return locked
    planned = ClassSession.objects.get(pk=locked.pk)
    planned.pk, planned.also = None, also  # as it is to be, for what is in its way
    further.exclude(course__in=wanted).delete()
    with clashes_refused(planned, saved_as=locked.pk):
        _courses_add(locked, [course for course in also if course.pk not in before])
    locked.refresh_from_db()
    log_event(
        actor=actor,
        action="sessions.session.courses_changed",
        now=now,
        target=locked,
        data={"before": sorted(before), "after": sorted(wanted)},
    )
    return locked


def check_period(session: ClassSession) -> None:
    if session.ends_at <= session.starts_at:
        raise Invalid("ends_before_start", _("A session ends after it starts."))


@transaction.atomic
def session_change(
    *,
    session: ClassSession,
    starts_at: datetime,
    ends_at: datetime,
    classroom: Classroom | None,
    now: datetime,
    actor: Actor,
    topic: str | None = None,
    faculty: Faculty | None = None,
    revive: bool = False,
) -> ClassSession:
    """Give a scheduled session another time, room, topic or lecturer (None keeps the last two).

    With `revive` a cancelled one is scheduled again. Clashes are refused as in `session_create`.
    """
    allowed = [Status.SCHEDULED, Status.CANCELLED] if revive else [Status.SCHEDULED]
    locked = sessions_locked([session.pk], allowed)[0]
    before = plan_of(locked)
    locked.starts_at, locked.ends_at, locked.classroom = starts_at, ends_at, classroom
    locked.topic = locked.topic if topic is None else topic
    locked.faculty = faculty or locked.faculty
    locked.status = Status.SCHEDULED
    check_period(locked)
    if plan_of(locked) == before:
        return locked
    with clashes_refused(locked):
        _plan_write(locked, now)
    log_event(
        actor=actor,
        action="sessions.session.changed",
        now=now,
        target=locked,
        data={"before": before, "after": plan_of(locked)},
    )
    return locked


@transaction.atomic
def sessions_swap(
    *, first: ClassSession, second: ClassSession, now: datetime, actor: Actor
) -> tuple[ClassSession, ClassSession]:
    """Two scheduled sessions exchange their times and rooms, both or neither.

    The first steps aside (as cancelled, which occupies nothing) while the second takes its place:
    PostgreSQL checks the exclusions row by row.
    """
    if first.pk == second.pk:
        raise Invalid("same_session", _("A session cannot be exchanged with itself."))
    one, two = sessions_locked([first.pk, second.pk], [Status.SCHEDULED])
    before = {session.pk: plan_of(session) for session in (one, two)}
    ClassSession.objects.filter(pk=one.pk).update(status=Status.CANCELLED)
    for name in ("starts_at", "ends_at", "classroom"):
        ours, theirs = getattr(one, name), getattr(two, name)
        setattr(one, name, theirs)
        setattr(two, name, ours)
    for session in (two, one):
        with clashes_refused(session):
            _plan_write(session, now)
    for session, other in ((one, two), (two, one)):
        data = {"before": before[session.pk], "after": plan_of(session), "with": other.pk}
        log_event(
            actor=actor, action="sessions.session.swapped", now=now, target=session, data=data
        )
    return one, two


def sessions_locked(session_ids: Sequence[int], allowed: Sequence[str]) -> list[ClassSession]:
    """These sessions, locked, in the given order; refuses when one has another status by now."""
    found = {
        session.pk: session
        for session in ClassSession.objects.filter(pk__in=session_ids, status__in=allowed)
        .select_for_update(of=("self",))
        .select_related("course__subject", "classroom__building", "faculty")
        .order_by("pk")
    }
    if len(found) != len(set(session_ids)):
        raise Refused("not_scheduled", _("Only a scheduled session can be changed."))
    return [found[session_id] for session_id in session_ids]


def _plan_write(session: ClassSession, now: datetime) -> None:
    plans_write([session], now)
    session.refresh_from_db(fields=["revision", "status", "closed_at", "updated_at"])


def plans_write(sessions: Sequence[ClassSession], now: datetime) -> None:
    """All of them as scheduled, in one statement; what it broke would undo all."""
    values: dict[str, Any] = {
        "campus": current_campus_id(),
        "now": now,
        "ids": [session.pk for session in sessions],
        "starts": [session.starts_at for session in sessions],
        "ends": [session.ends_at for session in sessions],
        "rooms": [session.classroom_id for session in sessions],
        "faculty": [session.faculty_id for session in sessions],
        "topics": [session.topic for session in sessions],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
    for session in sessions:
        invalidate(facts_cache_key(session.pk))


def plan_of(session: ClassSession) -> dict[str, Any]:
    """What the log keeps of a plan; times in UTC."""
    return {
        "starts_at": session.starts_at.astimezone(UTC).isoformat(),
        "ends_at": session.ends_at.astimezone(UTC).isoformat(),
        "room": session.classroom_id,
        "lecturer": session.faculty_id,
        "topic": session.topic,
        "status": session.status,
    }


@transaction.atomic
def session_remove(
    *, session: ClassSession, reason: str, now: datetime, actor: Actor
) -> ClassSession | None:
    """Delete a scheduled session. Where check-ins hang on it, it is cancelled instead.

    Students and the lecturer are told either way, and read the reason. Returns the cancelled
    session, None when it was deleted. Opened sessions are history and stay.
    """
    locked = sessions_locked([session.pk], [Status.SCHEDULED])[0]
    course_ids = course_ids_of(locked)
    try:
        with transaction.atomic():
            log_event(
                actor=actor,
                action="sessions.session.deleted",
                now=now,
                target=locked,
                data={"reason": reason, "course": locked.course_id, **plan_of(locked)},
            )
            locked.delete()
    except ProtectedError:
        return session_cancel(session=session, reason=reason, now=now, actor=actor)
    session_cancelled(session=session, note=reason, now=now, course_ids=course_ids)
    invalidate(facts_cache_key(session.pk))
    return None


@transaction.atomic
def session_cancel(
    *, session: ClassSession, reason: str, now: datetime, actor: Actor
) -> ClassSession:
    """Cancel a scheduled session; students and the lecturer are told, and read the reason.

    An open one is completed instead: its check-ins count.
    """
    cancelled = ClassSession.objects.filter(pk=session.pk, status=Status.SCHEDULED).update(
        status=Status.CANCELLED, closed_at=now, updated_at=now
    )
    if not cancelled:
        raise Refused("not_scheduled", _("Only a scheduled session can be cancelled."))
    invalidate(facts_cache_key(session.pk))
    session.refresh_from_db()
    log_event(
        actor=actor,
        action="sessions.session.cancelled",
        now=now,
        target=session,
        data={"reason": reason},
    )
    session_cancelled(session=session, note=reason, now=now)
    return session


@transaction.atomic
def sessions_cancel(
    *, session_ids: Collection[int], reason: str, now: datetime, actor: Actor
) -> list[int]:
    """Cancel those of these sessions that are scheduled; returns their ids. Two statements and
    an audit entry each. Telling people, once for all of them, is the caller's."""
    scheduled = ClassSession.objects.filter(pk__in=session_ids, status=Status.SCHEDULED)
    chosen = list(scheduled.select_for_update(of=("self",)).order_by("pk"))
    ids = [session.pk for session in chosen]
    scheduled.filter(pk__in=ids).update(status=Status.CANCELLED, closed_at=now, updated_at=now)
    for session in chosen:
        invalidate(facts_cache_key(session.pk))
        log_event(
            actor=actor,
            action="sessions.session.cancelled",
            now=now,
            target=session,
            data={"reason": reason},
        )
    return ids
