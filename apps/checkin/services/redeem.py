"""Redeeming a code: the hot path. A scanned or typed code becomes a ticket, or a logged refusal.

`savepoint=False`: inside a request's transaction a savepoint would be two statements more, and
nothing that is raised here needs one, because it is raised before anything was written.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.checkin.models import Method, Reason
from apps.checkin.selectors.hot_path import AttendeeContext, attendee_context
from apps.checkin.tickets import Ticket, ticket_text
from apps.common.digits import plain_digits
from apps.common.measures import count, observe
from apps.qr_otp.models import Scan
from apps.qr_otp.problems import Problem
from apps.qr_otp.selectors import Check, check_text, check_token
from apps.qr_otp.services import (
    counted_try,
    one_time_code_use,
    one_time_code_used,
    scan_save,
    stamp_use,
)
from apps.qr_otp.stamps import Visitor, read_stamp
from apps.qr_otp.stamps import seen_at as moment_seen
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_facts
from apps.sessions.services import CHECK_IN, student_subject, subject_of


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
    *, user: User, token: str, now: datetime, address: str | None = None, sign_in: str = ""
) -> Redemption:
    """Redeem the text of a QR code. Four statements, the campus's announcement included."""
    check = check_token(purpose=CHECK_IN, text=token, now=now)
    session_id = int(check.subject) if check.subject.isdecimal() else None
    facts = session_facts(session_id=session_id) if session_id and check.right else None
    student = attendee_context(user_id=user.pk, session_id=facts["id"] if facts else None)
    return _redeem(
        student=student,
        check=check,
        facts=facts,
        method=Method.QR,
        now=now,
        address=address,
        sign_in=sign_in,
    )


@transaction.atomic(savepoint=False)
def redeem_stamp(*, user: User, stamp: str, visitor: Visitor, now: datetime) -> Redemption:
    """Redeem what the page of a code's link carries, up to three minutes after the code was seen.

    As many statements as `redeem_token`. It is the same scan as that of the code in it.
    """
    found = read_stamp(stamp)
    session_id = int(found.subject) if found else None
    facts = session_facts(session_id=session_id) if session_id else None
    student = attendee_context(user_id=user.pk, session_id=facts["id"] if facts else None)
    return _redeem(
        student=student,
        check=stamp_use(found, visitor, who=f"student:{student.id}", now=now),
        facts=facts,
        method=Method.QR,
        now=now,
        address=visitor.address,
        sign_in=visitor.sign_in,
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
    sign_in: str = "",
) -> Redemption:
    """Redeem the text code of the projector or a one-time code that the lecturer told.

    Five tries per student and session, whichever kind of code.
    """
    code = plain_digits(code)
    facts = session_facts(session_id=session_id)
    student = attendee_context(user_id=user.pk, session_id=facts["id"] if facts else None)
    subject = subject_of(session_id)
    check = Check(problem=Problem.NONE, subject=subject)
    if facts is None or not student.enrolled:
        return _redeem(
            student=student, check=check, facts=facts, method=method, now=now, address=address
        )
    told = _Told()

    def judge() -> Problem:
        nonlocal check, told
        if method == Method.TEXT:
            check = check_text(purpose=CHECK_IN, subject=subject, typed=code, now=now)
            return check.problem
        told = _told_code(session_id=session_id, student_id=student.id, code=code, now=now)
        return told.problem

    problem = counted_try(
        purpose=CHECK_IN, subject=subject, who=f"student:{student.id}", now=now, judge=judge
    )
    if problem:
        check = Check(problem=problem, subject=subject, window=check.window)
    return _redeem(
        student=student,
        check=check,
        facts=facts,
        method=method if method == Method.TEXT else told.method,
        now=now,
        address=address,
        code_id=told.code_id,
        sign_in=sign_in,
    )


@dataclass(frozen=True, kw_only=True)
class _Told:
    """A one-time code that was tried: whose it was, and which."""

    problem: Problem = Problem.EXPIRED
    method: Method = Method.OTP
    code_id: int | None = None


def _told_code(*, session_id: int, student_id: int, code: str, now: datetime) -> _Told:
    """The student's own code, once; else the one for the whole class, if the lecturer gave one."""
    own = student_subject(session_id, student_id)
    again = one_time_code_used(purpose=CHECK_IN, subject=own, code=code, now=now)
    if again is not None:
        return _Told(problem=Problem.NONE, code_id=again)
    used = one_time_code_use(purpose=CHECK_IN, subject=own, code=code, now=now)
    if not used.problem:
        return _Told(problem=Problem.NONE, code_id=used.code_id)
    whole = one_time_code_use(purpose=CHECK_IN, subject=subject_of(session_id), code=code, now=now)
    if not whole.problem:
        return _Told(problem=Problem.NONE, method=Method.CLASS_CODE, code_id=whole.code_id)
    wrong = Problem.WRONG_CODE in (used.problem, whole.problem)
    return _Told(problem=Problem.WRONG_CODE if wrong else Problem.EXPIRED)


def _redeem(
    *,
    student: AttendeeContext,
    check: Check,
    facts: dict | None,
    method: Method,
    now: datetime,
    address: str | None,
    code_id: int | None = None,
    sign_in: str = "",
) -> Redemption:
    reason = redeem_refusal(student=student, check=check, facts=facts)
    scan = scan_save(
        purpose=CHECK_IN,
        check=check,
        scanner=f"student:{student.id}",
        method=method,
        reason=reason,
        now=now,
        address=address,
        once=scan_name(student, check, method=method, code_id=code_id, sign_in=sign_in),
    )
    redeem_measured(scan=scan, reason=reason)
    return redemption_of(
        scan=scan, reason=reason, student=student, facts=facts, sign_in=sign_in, now=now
    )


def redeem_refusal(*, student: AttendeeContext, check: Check, facts: dict | None) -> Reason:
    """Why this code is not redeemed; `Reason.NONE` when it is."""
    reason = Reason(check.problem)
    if not reason and (facts is None or facts["status"] != ClassSession.Status.OPEN):
        return Reason.NOT_OPEN
    return Reason.NOT_ENROLLED if not reason and not student.enrolled else reason


def scan_name(
    student: AttendeeContext, check: Check, *, method: str, code_id: int | None, sign_in: str
) -> str:
    """The same code, redeemed again by the same student with the same device, is the same scan and
    so the same ticket. What another sign-in scans or types from the screen is a scan of its own, as
    late as it was. One that has run out is not revived by a code that still stands."""
    scanned_by = f"/{sign_in}" if method in (Method.QR, Method.TEXT) else ""
    return f"{check.window}/{code_id}/{student.device_id}{scanned_by}"


def redeem_measured(*, scan: Scan, reason: str) -> None:
    count("campus_redeems", reason or "none")
    if not reason and scan.delay_ms is not None:
        observe("campus_redeem_delay_seconds", scan.delay_ms / 1000)


def redemption_of(
    *,
    scan: Scan,
    reason: str,
    student: AttendeeContext,
    facts: dict | None,
    sign_in: str,
    now: datetime,
) -> Redemption:
    """What a saved scan is worth: a ticket, or the reason why not."""
    if reason or facts is None:
        return Redemption(scan=scan, reason=reason)
    ticket = Ticket(
        scan_id=str(scan.pk),
        session_id=facts["id"],
        student_id=student.id,
        device_id=student.device_id,
        method=scan.method,
        redeemed_ms=int(scan.at.timestamp() * 1000),
        delay_ms=scan.delay_ms,
        sign_in=sign_in,
        seen_ms=_seen_ms(scan) if scan.method == Method.QR else None,
    )
    if now > ticket.expires_at:
        return Redemption(scan=scan, reason=Reason.EXPIRED)
    return Redemption(
        scan=scan,
        reason="",
        session_id=facts["id"],
        ticket=ticket_text(ticket),
        expires_at=ticket.expires_at,
    )


def _seen_ms(scan: Scan) -> int:
    """When the QR code of this scan was seen: at the redeem itself, or earlier and kept in a stamp.

    Reckoned from the scan's own row, so that the same scan is always the same ticket.
    """
    redeemed_ms = int(scan.at.timestamp() * 1000)
    if scan.window is None or scan.delay_ms is None:
        return redeemed_ms
    seen = moment_seen(window=scan.window, delay_ms=scan.delay_ms)
    return min(redeemed_ms, round(seen.timestamp() * 1000))
