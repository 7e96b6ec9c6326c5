"""A session while it is held: opened, shown by its codes, completed.

Every transition is a conditional update whose count is checked.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.audit.services import Actor, record
from apps.common.cache import invalidate
from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Course
from apps.qr_otp.problems import Problem
from apps.qr_otp.services import (
    codes_end,
    one_time_code_issue,
    one_time_code_try,
    person_subject,
    secret_start,
)
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.notices import session_closed_itself
from apps.sessions.selectors import (
    campus_zone,
    course_ids_of,
    facts_cache_key,
    open_sessions_of,
)

START: Final = "start"  # purpose of the code that opens a session
CHECK_IN: Final = "check_in"  # purpose of everything a student scans or types
RAPID_CODE: Final = "rapid_code"  # purpose of the one-second codes of a rapid-code challenge
Status = ClassSession.Status


def subject_of(session_id: int) -> str:
    """The session as qr_otp knows it: an opaque name."""
    return str(session_id)


def student_subject(session_id: int, student_id: int) -> str:
    """The subject of one-time codes for one student of a session."""
    return person_subject(subject_of(session_id), f"S{student_id}")


def start_subject(*, course: Course, faculty: Faculty) -> str:
    return f"F{faculty.pk}-C{course.pk}"


@transaction.atomic
def session_open(
    *,
    session: ClassSession,
    topic: str,
    policy: dict[str, Any],
    before: timedelta,
    after: timedelta,
    enrolled: int,
    now: datetime,
    actor: Actor,
) -> ClassSession:
    """Open a scheduled session: copy its policy and start its rotating code.

    `before` and `after` bound how far from its start it may be opened. Refuses without a topic,
    outside that window, when it is not scheduled, and when the course has another open session.
    """
    topic = topic.strip() or session.topic
    if not topic:
        raise Invalid("topic_required", _("Say what the session is about."))
    if not session.starts_at - before <= now <= session.starts_at + after:
        raise Refused("outside_window", _outside_window(session, before, after))
    try:
        with transaction.atomic():
            opened = ClassSession.objects.filter(pk=session.pk, status=Status.SCHEDULED).update(
                status=Status.OPEN,
                topic=topic[:200],
                policy=policy,
                opened_at=now,
                total_enrolled=enrolled,
                updated_at=now,
            )
    except IntegrityError as error:
        in_the_way = open_sessions_of(course_ids=course_ids_of(session))
        if not in_the_way:
            raise
        raise another_session_open(in_the_way[0]) from error
    if not opened:
        raise Refused("not_scheduled", _("Only a scheduled session can be opened."))
    secret_start(purpose=CHECK_IN, subject=subject_of(session.pk), now=now)
    invalidate(facts_cache_key(session.pk))
    session.refresh_from_db()
    record(
        actor=actor,
        action="sessions.session.opened",
        now=now,
        target=session,
        data={"topic": session.topic, "policy_version": policy.get("version")},
    )
    return session


def another_session_open(other: ClassSession) -> Refused:
    """The refusal to open a session of a course that has this open one."""
    when = period_text(other.starts_at, other.ends_at, campus_zone())
    text = _(
        "Another session of this course is open: %(when)s. Complete it first, or close it as you "
        "start this one."
    )
    return Refused("another_session_open", text % {"when": when}, session=other.pk)


def _outside_window(session: ClassSession, before: timedelta, after: timedelta) -> str:
    return _(
        "This session can be opened from %(before)d minutes before to %(after)d minutes after its "
        "start. Start an unscheduled session instead."
    ) % {"before": before.total_seconds() // 60, "after": after.total_seconds() // 60}


@transaction.atomic
def session_hold_afterwards(
    *,
    session: ClassSession,
    topic: str,
    policy: dict[str, Any],
    enrolled: int,
    now: datetime,
    actor: Actor,
) -> ClassSession:
    """Complete a scheduled session that was held without being opened: it never had a code.

    Refuses without a topic and when it is not scheduled. When this may be done is the caller's
    rule. Opened and closed are `now`: when the register was taken.
    """
    topic = topic.strip() or session.topic
    if not topic:
        raise Invalid("topic_required", _("Say what the session was about."))
    held = ClassSession.objects.filter(pk=session.pk, status=Status.SCHEDULED).update(
        status=Status.COMPLETED,
        topic=topic[:200],
        policy=policy,
        opened_at=now,
        closed_at=now,
        total_enrolled=enrolled,
        updated_at=now,
    )
    if not held:
        raise Refused("not_scheduled", _("Only a session that nobody opened can be held so."))
    invalidate(facts_cache_key(session.pk))
    session.refresh_from_db()
    record(
        actor=actor,
        action="sessions.session.held_afterwards",
        now=now,
        target=session,
        data={"topic": session.topic, "policy_version": policy.get("version")},
    )
    return session


@transaction.atomic
def session_complete(
    *, session: ClassSession, now: datetime, actor: Actor, enrolled: int, by_itself: bool = False
) -> ClassSession:
    """Close an open session; its codes die with it. Waits for check-ins that are under way.

    `by_itself`: nobody did, and the lecturer is told.
    """
    locked = ClassSession.objects.select_for_update().get(pk=session.pk)
    if locked.status != Status.OPEN:
        raise Refused("session_not_open", _("Only an open session can be completed."))
    if not locked.topic:
        raise Invalid("topic_required", _("Say what the session was about."))
    locked.status = Status.COMPLETED
    locked.closed_at = now
    locked.total_enrolled = enrolled
    locked.closed_itself = by_itself
    locked.save(
        update_fields=["status", "closed_at", "total_enrolled", "closed_itself", "updated_at"]
    )
    codes_end(purposes=[CHECK_IN, RAPID_CODE], subject=subject_of(session.pk), now=now)
    invalidate(facts_cache_key(session.pk))
    data = {"by_itself": True} if by_itself else {}
    record(actor=actor, action="sessions.session.completed", now=now, target=locked, data=data)
    if by_itself:
        session_closed_itself(session=locked, now=now)
    return locked


def session_totals_set(*, session_id: int, attended: int, enrolled: int) -> None:
    """Write the session's counters. percentage = 100 × attended / enrolled, 0 for nobody."""
    percentage = round(100 * attended / enrolled, 2) if enrolled else 0
    ClassSession.objects.filter(pk=session_id).update(
        total_attended=attended,
        total_enrolled=enrolled,
        attendance_percentage=min(percentage, 100),
    )


def session_course_totals_set(
    *, session_id: int, attended: Mapping[int, int], enrolled: Mapping[int, int]
) -> None:
    """The same for each course of a session of several."""
    rows = list(SessionCourse.objects.filter(session=session_id))
    for row in rows:
        row.total_attended = attended.get(row.course_id, 0)
        row.total_enrolled = enrolled.get(row.course_id, 0)
    SessionCourse.objects.bulk_update(rows, ["total_attended", "total_enrolled"])


@transaction.atomic
def start_code_issue(
    *, course: Course, faculty: Faculty, now: datetime, actor: Actor
) -> tuple[str, datetime]:
    """A code with which this faculty member can start this course's session: 6 digits, 5 min."""
    issued = one_time_code_issue(
        purpose=START,
        subject=start_subject(course=course, faculty=faculty),
        now=now,
        address=actor.address,
        user_agent=actor.user_agent,
    )
    record(actor=actor, action="sessions.start_code.issued", now=now, target=course)
    return issued


def start_code_use(*, course: Course, faculty: Faculty, code: str, now: datetime) -> Problem:
    """Use a start code up (see `one_time_code_try`)."""
    return one_time_code_try(
        purpose=START,
        subject=start_subject(course=course, faculty=faculty),
        who=f"faculty:{faculty.pk}",
        code=code,
        now=now,
    )


@transaction.atomic
def check_in_code_issue(
    *, session: ClassSession, student_id: int | None, now: datetime, actor: Actor
) -> tuple[str, datetime]:
    """A six-digit code for one student, once, or (`student_id=None`) for the whole class.

    Good for 5 minutes in this open session. Who may have which is the caller's to ask.
    """
    if session.status != Status.OPEN:
        raise Refused("session_not_open", _("This session is not open."))
    subject = subject_of(session.pk)
    issued = one_time_code_issue(
        purpose=CHECK_IN,
        subject=subject if student_id is None else student_subject(session.pk, student_id),
        now=now,
        single_use=student_id is not None,
        address=actor.address,
        user_agent=actor.user_agent,
    )
    record(
        actor=actor,
        action="sessions.check_in_code.issued",
        now=now,
        target=session,
        data={"student": student_id},
    )
    return issued
