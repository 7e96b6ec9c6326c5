"""The register as a whole: open, close, and marks by hand."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from apps.accounts.models import Student
from apps.attendance.models import (
    AttendanceRecord,
    CheckInAttempt,
    Outcome,
    RecordChange,
    Source,
    Status,
)
from apps.attendance.policies import frozen, policy_for, window_of
from apps.attendance.selectors import board_key, enrolled_students
from apps.attendance.services.settle import refresh_totals
from apps.audit.services import Actor, record
from apps.common.cache import touch
from apps.common.errors import Invalid, NotFound, Refused
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_due
from apps.sessions.services import (
    DEFAULT_LENGTH,
    session_complete,
    session_create,
    session_open,
    start_code_use,
)

START_CODE_REFUSALS: Final = {
    "wrong": ("wrong_code", _l("This code is not right.")),
    "expired": ("expired_code", _l("This code has expired. Ask for a new one.")),
    "too_many_tries": (
        "too_many_tries",
        _l("Too many wrong codes. Wait 15 minutes or start from the portal."),
    ),
}


@transaction.atomic
def register_open(
    *, session: ClassSession, topic: str, now: datetime, actor: Actor
) -> ClassSession:
    """Open a scheduled session under the policy that holds now."""
    policy = policy_for(course=session.course)
    before, after = window_of(policy)
    opened = session_open(
        session=session,
        topic=topic,
        policy=frozen(policy=policy, classroom=session.classroom),
        before=before,
        after=after,
        enrolled=enrolled_students(course_id=session.course_id).count(),
        now=now,
        actor=actor,
    )
    touch(board_key(session.pk))
    return opened


@transaction.atomic
def register_open_now(*, course: Course, topic: str, now: datetime, actor: Actor) -> ClassSession:
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
    return register_open(session=session, topic=topic, now=now, actor=actor)


def register_open_by_code(
    *, course: Course, code: str, topic: str, now: datetime, actor: Actor
) -> ClassSession:
    """Open with a start code. A wrong try is counted and kept even though it is refused."""
    with transaction.atomic():
        problem = start_code_use(course=course, faculty=course.faculty, code=code, now=now)
    if problem:
        code_, message = START_CODE_REFUSALS[problem]
        status = 429 if problem == "too_many_tries" else 409
        raise Refused(code_, str(message), status=status)
    return register_open_now(course=course, topic=topic, now=now, actor=actor)


@transaction.atomic
def register_close(*, session: ClassSession, now: datetime, actor: Actor) -> ClassSession:
    """Complete the session: whoever is enrolled and unmarked becomes absent.

    Students whose face is still being compared get their record when that is settled.
    """
    enrolled = list(
        enrolled_students(course_id=session.course_id).values_list("student_id", flat=True)
    )
    closed = session_complete(session=session, now=now, actor=actor, enrolled=len(enrolled))
    settled_later = set(
        CheckInAttempt.objects.filter(session=session, outcome=Outcome.PENDING).values_list(
            "student_id", flat=True
        )
    )
    AttendanceRecord.objects.bulk_create(
        [
            AttendanceRecord(
                session=closed,
                student_id=student_id,
                status=Status.ABSENT,
                source=Source.CLOSING,
                recorded_at=now,
            )
            for student_id in sorted(enrolled)
            if student_id not in settled_later
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
    refresh_totals(session_id=session.pk)
    touch(board_key(session.pk))
    closed.refresh_from_db()
    return closed


@transaction.atomic
def record_mark(
    *,
    session: ClassSession,
    student_id: int,
    status: Status,
    reason: str,
    now: datetime,
    actor: Actor,
) -> AttendanceRecord:
    """Mark or correct one student by hand, keeping before, after, actor and reason.

    A correction of an existing mark needs a reason. Only in open and completed sessions, and only
    for students who are enrolled or already in the register.
    """
    if session.status not in (ClassSession.Status.OPEN, ClassSession.Status.COMPLETED):
        raise Refused("session_not_open", _("This session is not open."))
    student = _markable(session=session, student_id=student_id)
    existing = AttendanceRecord.objects.filter(session=session, student=student).first()
    before = existing.status if existing else ""
    if existing and before != status and not reason.strip():
        raise Invalid("reason_required", _("Say why you change this mark."))
    source = Source.CORRECTED if existing else Source.MANUAL
    row, _made = AttendanceRecord.objects.update_or_create(
        session=session,
        student=student,
        defaults={"status": status, "source": source},
        create_defaults={"status": status, "source": source, "recorded_at": now},
    )
    RecordChange.objects.create(
        record=row,
        before=before,
        after=status,
        reason=reason.strip()[:500],
        actor_id=actor.id,
        actor_label=actor.label,
        at=now,
    )
    if session.status == ClassSession.Status.COMPLETED:
        refresh_totals(session_id=session.pk)
    touch(board_key(session.pk))
    record(
        actor=actor,
        action="attendance.record.marked",
        now=now,
        target=row,
        data={"before": before, "after": status, "reason": reason.strip()[:500]},
    )
    return row


def _markable(*, session: ClassSession, student_id: int) -> Student:
    """The student, locked against a check-in at the same moment."""
    student = Student.objects.select_for_update(no_key=True).filter(pk=student_id).first()
    belongs = student is not None and (
        enrolled_students(course_id=session.course_id).filter(student=student).exists()
        or AttendanceRecord.objects.filter(session=session, student=student).exists()
    )
    if student is None or not belongs:
        raise NotFound("student_not_found", _("This student is not in the register."))
    return student
