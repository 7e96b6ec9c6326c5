"""From a punch, or a code at a kiosk, to a check-in that is judged, and its mark in the register.

Locks are taken as everywhere: students by id, then the session.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from apps.accounts.models import Student
from apps.attendance.registry import checks_enqueue
from apps.attendance.selectors.policies import Editor, policy_for, time_refusal
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import Actor
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Method, Outcome, Reason
from apps.checkin.selectors.hot_path import prior_state
from apps.checkin.services.check_in import attempt_save, judged_session
from apps.checkin.waiting_rules import wait
from apps.common.ids import uuid7
from apps.sessions.models import ClassSession
from apps.sessions.selectors import lock_for_late_check_in
from apps.terminals.models import Punch
from apps.terminals.reasons import PunchReason

ONE: Final = Decimal("1.00")


def students_lock(student_ids: Collection[int]) -> None:
    """Hold these students until the transaction ends: their check-ins run one by one."""
    rows = Student.objects.select_for_update(no_key=True).filter(pk__in=student_ids)
    list(rows.order_by("pk").values_list("pk", flat=True))


def punches_count(
    *, session: ClassSession, punches: Collection[Punch], now: datetime, actor: Actor
) -> None:
    """Make check-ins of these punches of one session (not saved yet), at the time of each.

    The session's own policy says what a card is worth: enough, or the check-in waits for the
    lecturer. In a register that was locked meanwhile they are queued. Expects the students to be
    held.
    """
    judged, is_completed = session_hold(session.pk)
    if is_completed and _is_locked(session, now):
        for punch in punches:
            punch.status, punch.reason = Punch.Status.QUEUED, PunchReason.FROZEN
        return
    for punch in punches:
        worth = Decimal(judged.policy.get("card_weight") or 0)
        attempt = punch_attempt(punch, judged, worth=worth, now=now)
        if worth < Decimal(judged.policy["present_threshold"]):
            wait(attempt, judged, reason=Reason.CARD_ALONE, now=now)
        attempt_write(attempt, judged, now=now, actor=actor)
        punch.attempt_id = attempt.pk
    session_settle(session.pk, is_completed=is_completed)


def session_hold(session_id: int) -> tuple[JudgedSession, bool]:
    """The session, held until the transaction ends, and whether it is completed."""
    row = lock_for_late_check_in(session_id=session_id)
    assert row is not None  # its punches protect it
    return judged_session(row), row["status"] == ClassSession.Status.COMPLETED


def session_settle(session_id: int, *, is_completed: bool) -> None:
    """What a completed session's counters and findings make of what came later."""
    if is_completed:
        refresh_totals(session_id=session_id)
        checks_enqueue(session_id=session_id)


def _is_locked(session: ClassSession, now: datetime) -> bool:
    policy = policy_for(course=session.course)
    return bool(time_refusal(session=session, role=Editor.OFFICE, policy=policy, now=now))


def punch_attempt(
    punch: Punch, session: JudgedSession, *, worth: Decimal, now: datetime
) -> CheckInAttempt:
    """The check-in of a punch, accepted and not saved yet."""
    assert punch.student_id is not None  # of nobody there is none
    return accepted_attempt(
        session,
        student_id=punch.student_id,
        nonce=f"punch:{punch.pk}",
        method=Method.CARD,
        worth=worth,
        at=punch.at,
        now=now,
    )


def accepted_attempt(
    session: JudgedSession,
    *,
    student_id: int,
    nonce: str,
    method: Method,
    worth: Decimal,
    at: datetime,
    now: datetime,
) -> CheckInAttempt:
    """A check-in without a phone: no device, no place, no address. `worth` is 0 to 1."""
    factor: dict[str, Any] = {
        "passed": True,
        "confidence": float(worth),
        "weight": 1.0,
        "points": float(worth),
        "reason": f"by_{method}",
        "detail": {},
    }
    return CheckInAttempt(
        id=uuid7(),
        campus_id=session.campus_id,
        session_id=session.id,
        student_id=student_id,
        nonce=nonce,
        method=method,
        outcome=Outcome.ACCEPTED,
        score=worth,
        factors={str(method): factor},
        seen_at=at,
        received_at=now,
        settled_at=now,
    )


def attempt_write(
    attempt: CheckInAttempt, session: JudgedSession, *, now: datetime, actor: Actor
) -> None:
    """Save it with what follows: the mark, unless a person has made one, the board, the log."""
    known = prior_state(student_id=attempt.student_id, session_id=session.id, nonce=attempt.nonce)
    attempt_save(attempt=attempt, session=session, known=known, now=now, actor=actor)
