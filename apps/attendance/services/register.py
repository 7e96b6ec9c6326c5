"""The register as a whole: open, close, or take it afterwards."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.attendance.models import BulkChange, Policy
from apps.attendance.registry import checks_enqueue
from apps.attendance.selectors.policies import (
    Editor,
    policy_for,
    policy_snapshot,
    refuse_edit,
    time_refusal,
    window_of,
)
from apps.attendance.selectors.register import board_key, register_courses, register_of
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.totals import refresh_totals
from apps.attendance.services.unmarked import unmarked_close
from apps.audit.services import Actor
from apps.common.cache import touch
from apps.common.errors import Refusal, Refused
from apps.enrollments.models import Course
from apps.qr_otp.problems import Problem
from apps.sessions.models import ClassSession
from apps.sessions.selectors import course_ids_of, open_sessions_of, session_due
from apps.sessions.services import (
    DEFAULT_LENGTH,
    session_complete,
    session_create,
    session_hold_afterwards,
    session_open,
    start_code_use,
)
from apps.tenants.tasks import enqueue

ABSENCES_TASK: Final = "apps.attendance.tasks.notify_absences"


class StartRefusal(Refusal):
    """Why a start code opens no session."""

    WRONG_CODE = Problem.WRONG_CODE, gettext_lazy("This code is not right.")
    EXPIRED = Problem.EXPIRED, gettext_lazy("This code has expired. Ask for a new one.")
    TOO_MANY_TRIES = (
        Problem.TOO_MANY_TRIES,
        429,
        gettext_lazy("Too many wrong codes. Wait 15 minutes or start from the portal."),
    )


@transaction.atomic
def register_open(
    *, session: ClassSession, topic: str, now: datetime, actor: Actor, close_open: bool = False
) -> ClassSession:
    """Open a scheduled session under the policy that holds now.

    Another session of the course that is still open stands in the way (another_session_open);
    with `close_open` it is closed first, as by its lecturer.
    """
    if close_open:
        for left_open in open_sessions_of(course_ids=course_ids_of(session)):
            register_close(session=left_open, now=now, actor=actor)
    policy = policy_for(course=session.course)
    before, after = window_of(policy)
    opened = session_open(
        session=session,
        topic=topic,
        policy=policy_snapshot(policy=policy, classroom=session.classroom),
        before=before,
        after=after,
        enrolled=register_of(session_id=session.pk).count(),
        now=now,
        actor=actor,
    )
    touch(board_key(session.pk))
    return opened


@transaction.atomic
def register_open_now(
    *, course: Course, topic: str, now: datetime, actor: Actor, close_open: bool = False
) -> ClassSession:
    """Open the session of this course that is due, else an unscheduled one that starts now."""
    before, after = window_of(policy_for(course=course))
    session = session_due(course=course, now=now, before=before, after=after)
    if session is None:
        session = session_create(
            course=course,
            starts_at=now,
            ends_at=now + DEFAULT_LENGTH,
            is_planned=False,  # the class is there: a clash in the plan must not keep it waiting
            now=now,
            actor=actor,
        )
    return register_open(session=session, topic=topic, now=now, actor=actor, close_open=close_open)


def register_open_by_code(
    *, course: Course, code: str, topic: str, now: datetime, actor: Actor, close_open: bool = False
) -> ClassSession:
    """Open with a start code. A wrong try is counted and kept even though it is refused.

    The code is used up by what it opens, and by nothing else: where the opening is refused (another
    session stands in the way, also of a course that only meets with this one), it is rolled back.
    """
    with transaction.atomic():
        problem = start_code_use(course=course, faculty=course.faculty, code=code, now=now)
        if not problem:
            return register_open_now(
                course=course, topic=topic, now=now, actor=actor, close_open=close_open
            )
    raise StartRefusal(problem).error()


@transaction.atomic
def register_close(
    *, session: ClassSession, now: datetime, actor: Actor, by_itself: bool = False
) -> ClassSession:
    """Complete the session: unmarked students who were enrolled on its day become absent.

    Students whose face is still being compared, and those whose check-in waits, get their record
    when that is settled.
    """
    courses = register_courses(session_id=session.pk)
    closed = session_complete(
        session=session, now=now, actor=actor, enrolled=len(courses), by_itself=by_itself
    )
    unmarked_close(session=closed, courses=courses, now=now)
    refresh_totals(session_id=session.pk)
    checks_enqueue(session_id=session.pk)
    enqueue(ABSENCES_TASK, session.pk)
    touch(board_key(session.pk))
    closed.refresh_from_db()
    return closed


@transaction.atomic
def register_take(
    *,
    session: ClassSession,
    marks: Sequence[MarkInput],
    topic: str,
    nonce: str,
    now: datetime,
    actor: Actor,
    role: Editor = Editor.LECTURER,
) -> BulkChange:
    """Take the register of a session that nobody opened: by hand, without codes.

    From when it can no longer be opened until `edit_refusal` says that it is too late. Students
    without a mark become absent. Returns the bulk change with a result for each mark; the same
    nonce gets the first answer.
    """
    policy = policy_for(course=session.course)
    refuse_edit(time_refusal(session=session, role=role, policy=policy, now=now))
    _before, after = window_of(policy)
    known = BulkChange.objects.filter(nonce=nonce, session=session).exists()
    if not known:
        if now <= session.starts_at + after:
            raise Refused("open_it_instead", _("This session can still be opened. Open it."))
        _hold_afterwards(session=session, policy=policy, topic=topic, now=now, actor=actor)
    bulk = records_mark_bulk(
        session=session, marks=marks, nonce=nonce, now=now, actor=actor, role=role
    )
    if not known:
        unmarked_close(session=session, courses=register_courses(session_id=session.pk), now=now)
        refresh_totals(session_id=session.pk)
        enqueue(ABSENCES_TASK, session.pk)
    session.refresh_from_db()
    return bulk


def _hold_afterwards(
    *, session: ClassSession, policy: Policy, topic: str, now: datetime, actor: Actor
) -> None:
    session_hold_afterwards(
        session=session,
        topic=topic,
        policy=policy_snapshot(policy=policy, classroom=session.classroom),
        enrolled=register_of(session_id=session.pk).count(),
        now=now,
        actor=actor,
    )
