"""Redeeming a code: the hot path. A scanned or typed code becomes a ticket, or a logged refusal.

`savepoint=False`: inside a request's transaction a savepoint would be two statements more, and
nothing that is raised here needs one, because it is raised before anything was written.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.accounts.models import User
from apps.attendance.hot_path import Attending, attending
from apps.attendance.models import Method, Reason
from apps.attendance.tickets import Ticket, ticket_text
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import Check, check_text, check_token
from apps.qr_otp.services import counted_try, one_time_code_try, scan_save
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_facts
from apps.sessions.services import CHECK_IN, subject_of

PROBLEMS: Final[dict[str, str]] = {
    "malformed": Reason.MALFORMED,
    "forged": Reason.FORGED,
    "expired": Reason.EXPIRED,
    "wrong": Reason.WRONG_CODE,
    "too_many_tries": Reason.TOO_MANY_TRIES,
}


@dataclass(frozen=True, kw_only=True)
class Redemption:
    """Outcome of a redeem. Refused ones have a reason and no ticket; both are in the scan log."""

    scan: Scan
    reason: str
    session_id: int | None = None
    ticket: str = ""
    expires_at: datetime | None = None


@transaction.atomic(savepoint=False)
def redeem_token(
    *, user: User, token: str, now: datetime, address: str | None = None
) -> Redemption:
    """Redeem the text of a QR code. Four statements, the campus's announcement included."""
    check = check_token(purpose=CHECK_IN, text=token, now=now)
    session_id = int(check.subject) if check.subject.isdigit() else None
    facts = session_facts(session_id=session_id) if session_id and check.right else None
    student = attending(user_id=user.pk, session_id=facts["id"] if facts else None)
    return _redeem(
        student=student, check=check, facts=facts, method=Method.QR, now=now, address=address
    )


@transaction.atomic(savepoint=False)
def redeem_typed(
    *,
    user: User,
    session_id: int,
    code: str,
    method: Method,
    now: datetime,
    address: str | None = None,
) -> Redemption:
    """Redeem the text code of the projector or the one-time code that the lecturer told.

    Five tries per student and session, whichever kind of code.
    """
    facts = session_facts(session_id=session_id)
    student = attending(user_id=user.pk, session_id=facts["id"] if facts else None)
    subject = subject_of(session_id)
    check = Check(problem="", subject=subject)
    if facts is None or not student.enrolled:
        return _redeem(
            student=student, check=check, facts=facts, method=method, now=now, address=address
        )
    who = f"student:{student.id}"
    if method == Method.TEXT:

        def judge() -> str:
            nonlocal check
            check = check_text(purpose=CHECK_IN, subject=subject, typed=code, now=now)
            return check.problem

        problem = counted_try(purpose=CHECK_IN, subject=subject, who=who, now=now, judge=judge)
    else:
        problem = one_time_code_try(purpose=CHECK_IN, subject=subject, who=who, code=code, now=now)
    if problem:
        check = Check(problem=problem, subject=subject, window=check.window)
    return _redeem(
        student=student, check=check, facts=facts, method=method, now=now, address=address
    )


def _redeem(
    *,
    student: Attending,
    check: Check,
    facts: dict | None,
    method: Method,
    now: datetime,
    address: str | None,
) -> Redemption:
    reason = PROBLEMS.get(check.problem, "")
    if not reason and (facts is None or facts["status"] != ClassSession.Status.OPEN):
        reason = Reason.NOT_OPEN
    if not reason and not student.enrolled:
        reason = Reason.NOT_ENROLLED
    scan = scan_save(
        purpose=CHECK_IN,
        check=check,
        scanner=f"student:{student.id}",
        method=method,
        reason=reason,
        now=now,
        address=address,
    )
    if reason or facts is None:
        return Redemption(scan=scan, reason=reason)
    ticket = Ticket(
        scan_id=str(scan.pk),
        session_id=facts["id"],
        student_id=student.id,
        device_id=student.device_id,
        method=method,
        redeemed_ms=int(now.timestamp() * 1000),
        delay_ms=check.delay_ms,
    )
    return Redemption(
        scan=scan,
        reason="",
        session_id=facts["id"],
        ticket=ticket_text(ticket),
        expires_at=ticket.expires_at,
    )
