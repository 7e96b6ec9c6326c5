"""What the link of a code says when it is asked for. Nothing is written."""

from dataclasses import dataclass
from datetime import datetime

from apps.accounts.models import Student
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.qr_otp.problems import Problem
from apps.qr_otp.selectors import Check, check_token
from apps.qr_otp.stamps import Stamp, Visitor, stamp_for
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_facts
from apps.sessions.services import CHECK_IN


@dataclass(frozen=True, kw_only=True)
class CodeSeen:
    """A stamp, or why there is none. `session_id` is the one that the code names, 0 for none."""

    reason: Reason
    stamp: Stamp | None = None
    session_id: int = 0


def code_seen(*, token: str, visitor: Visitor, kept: Stamp | None, now: datetime) -> CodeSeen:
    """The stamp for a browser that asks for a code's link.

    `kept` is its newest one: for the same code again, and for one that has run out meanwhile, it
    stays. So nothing is lost by loading the page anew or coming back from the sign-in.
    """
    check = check_token(purpose=CHECK_IN, text=token, now=now)
    if check.problem and check.problem != Problem.EXPIRED:
        return CodeSeen(reason=Reason(check.problem))
    problem = Problem.NONE
    if kept is not None and check.subject == kept.subject:
        problem = kept.problem(visitor, now=now)
        if not problem and (check.problem or kept.window == check.window):
            return CodeSeen(reason=Reason.NONE, stamp=kept)
    if check.problem:
        return CodeSeen(reason=Reason(problem or check.problem), session_id=_session_id(check))
    return _new_stamp(check, visitor)


def checked_in_at(*, student: Student, session_id: int) -> datetime | None:
    """When the student's accepted check-in of this session saw its code; None without one."""
    attempts = CheckInAttempt.objects.filter(
        session_id=session_id, student=student, outcome=Outcome.ACCEPTED
    )
    first = attempts.order_by("received_at").first()
    return first.scanned_at if first else None


def _session_id(check: Check) -> int:
    return int(check.subject) if check.subject.isdecimal() else 0


def _new_stamp(check: Check, visitor: Visitor) -> CodeSeen:
    facts = session_facts(session_id=int(check.subject)) if check.subject.isdecimal() else None
    if facts is None or facts["status"] != ClassSession.Status.OPEN:
        return CodeSeen(reason=Reason.NOT_OPEN, session_id=_session_id(check))
    assert check.window is not None
    assert check.delay_ms is not None
    stamp = stamp_for(visitor, subject=check.subject, window=check.window, delay_ms=check.delay_ms)
    return CodeSeen(reason=Reason.NONE, stamp=stamp)
