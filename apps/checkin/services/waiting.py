"""Deciding on check-ins that wait: accepted or refused by a person, or lapsed.

Locks are taken as everywhere: students by id, then the session.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord
from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for, refuse_edit
from apps.attendance.selectors.register import board_key, register_courses, register_of
from apps.attendance.services.marking import RecordState, change_of, lock_register, state_of
from apps.attendance.services.register import ABSENCES_TASK
from apps.attendance.services.totals import refresh_totals
from apps.attendance.services.unmarked import unmarked_close
from apps.audit.services import SYSTEM, Actor, log_event
from apps.checkin.explanation import waiting_text
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.notices import check_in_decided
from apps.checkin.selectors.hot_path import prior_state
from apps.checkin.selectors.waiting import settled_otherwise, waiting_attempts
from apps.checkin.services.check_in import judged_session
from apps.checkin.services.record import record_from_attempt
from apps.common.cache import touch
from apps.common.errors import Refused
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_for_check_in
from apps.tenants.tasks import enqueue


@transaction.atomic
def waiting_decide(
    *,
    session: ClassSession,
    attempt_ids: Collection[UUID],
    accept: bool,
    now: datetime,
    actor: Actor,
    role: Editor = Editor.LECTURER,
) -> list[CheckInAttempt]:
    """Accept or refuse these check-ins of a session; returns the decided ones, one per student.

    An accepted one makes the student present, or late by the time of its code; a refused one
    leaves the student to the closing, or absent after it. What does not wait any more, and to
    accept somebody outside the day's register, is passed over; `Refused` (nothing_waiting) when
    nothing is left. The student is told.
    """
    chosen = CheckInAttempt.objects.filter(session=session, pk__in=attempt_ids)
    students = set(chosen.values_list("student_id", flat=True))
    held = lock_register(session_id=session.pk, student_ids=students)
    policy = policy_for(course=held.course)
    refuse_edit(edit_refusal(session=held, role=role, policy=policy, now=now))
    waiting = waiting_attempts().filter(session=session, pk__in=attempt_ids)
    if accept:  # who turned out not to have been enrolled on that day has no mark to be given
        in_register = register_of(session_id=held.pk).filter(student_id__in=students)
        waiting = waiting.filter(
            student_id__in=set(in_register.values_list("student_id", flat=True))
        )
    attempts = _newest(waiting.select_related("student"))
    if not attempts:
        raise Refused("nothing_waiting", _("None of these check-ins waits any more."))
    for attempt in attempts:
        _decide(attempt, held, accept=accept, now=now, actor=actor)
    register_settle(held, absent=[] if accept else [one.student_id for one in attempts], now=now)
    return attempts


def _newest(attempts: Collection[CheckInAttempt]) -> list[CheckInAttempt]:
    """Of each student the check-in that came last."""
    newest = {one.student_id: one for one in sorted(attempts, key=lambda one: one.received_at)}
    return sorted(newest.values(), key=lambda one: one.student.code)


def _decide(
    attempt: CheckInAttempt, session: ClassSession, *, accept: bool, now: datetime, actor: Actor
) -> None:
    why = waiting_text(attempt)
    attempt.outcome = Outcome.ACCEPTED if accept else Outcome.REFUSED
    attempt.reason = "" if accept else Reason.DECLINED
    attempt.settled_at, attempt.decided_by = now, actor.label
    attempt.save(update_fields=["outcome", "reason", "settled_at", "decided_by"])
    others = CheckInAttempt.objects.filter(
        session=session, student_id=attempt.student_id, outcome=Outcome.WAITING
    )
    others.update(outcome=Outcome.REFUSED, reason=Reason.DECIDED_ELSEWHERE, settled_at=now)
    if accept:
        _write_record(attempt, session, why=why, now=now, actor=actor)
    check_in_decided(attempt=attempt, session=session, accepted=accept, now=now)
    log_event(
        actor=actor,
        action=f"checkin.waiting.{attempt.outcome}",
        now=now,
        target=attempt,
        data={"session": session.pk, "student": attempt.student_id, "why": why},
    )


def _write_record(
    attempt: CheckInAttempt, session: ClassSession, *, why: str, now: datetime, actor: Actor
) -> None:
    """The record that the check-in would have made by itself, with its line in the history."""
    before = _standing(session, attempt.student_id)
    known = prior_state(student_id=attempt.student_id, session_id=session.pk, nonce=attempt.nonce)
    row = session_for_check_in(session_id=session.pk)
    assert row is not None  # it is locked
    record_from_attempt(attempt=attempt, session=judged_session(row), known=known, now=now)
    made = AttendanceRecord.objects.select_related("label").get(
        session=session, student_id=attempt.student_id
    )
    reason = _("Waiting check-in accepted: %(why)s") % {"why": why}
    change_of(row=made, before=before, reason=reason, now=now, actor=actor).save()


def _standing(session: ClassSession, student_id: int) -> RecordState:
    marks = AttendanceRecord.objects.filter(session=session, student_id=student_id)
    return state_of(marks.select_related("label").first())


def register_settle(session: ClassSession, *, absent: Collection[int], now: datetime) -> None:
    """What follows decisions once: marks for who is left without one, totals, board, notes.

    Who has meanwhile turned out not to have been enrolled on that day gets none.
    """
    if session.status == ClassSession.Status.COMPLETED:
        if absent:
            courses = register_courses(session_id=session.pk, students=absent)
            unmarked_close(session=session, courses=courses, now=now)
            enqueue(ABSENCES_TASK, session.pk)
        refresh_totals(session_id=session.pk)
    touch(board_key(session.pk))


@transaction.atomic
def waiting_lapse(*, session_id: int, now: datetime) -> int:
    """Let the check-ins of a session lapse whose time is over; returns how many students became
    absent by it. Students who were marked otherwise keep that mark."""
    due = CheckInAttempt.objects.filter(
        session_id=session_id, outcome=Outcome.WAITING, waits_until__lte=now
    )
    students = set(due.values_list("student_id", flat=True))
    session = lock_register(session_id=session_id, student_ids=students)
    attempts = list(due.filter(student_id__in=students).select_related("student"))
    marked = set(
        AttendanceRecord.objects.filter(
            settled_otherwise(), session=session, student_id__in=students
        ).values_list("student_id", flat=True)
    )
    for attempt in attempts:
        is_marked = attempt.student_id in marked
        attempt.outcome, attempt.settled_at = Outcome.REFUSED, now
        attempt.reason = Reason.DECIDED_ELSEWHERE if is_marked else Reason.LAPSED
        attempt.save(update_fields=["outcome", "reason", "settled_at"])
        log_event(
            actor=SYSTEM,
            action="checkin.waiting.lapsed",
            now=now,
            target=attempt,
            data={"session": session.pk, "student": attempt.student_id, "marked": is_marked},
        )
    lapsed = [one for one in _newest(attempts) if one.student_id not in marked]
    for attempt in lapsed:
        check_in_decided(attempt=attempt, session=session, accepted=False, now=now)
    register_settle(session, absent=[one.student_id for one in lapsed], now=now)
    return len(lapsed)
