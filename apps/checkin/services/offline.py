"""The offline check-in: a phone without network keeps what it scanned and sends it within a day.

The phone signs {session, token, counter, nonce, at}. The token's HMAC proves that it saw a code of
this session's own window; signature and counter prove that the bound phone made this statement and
that it is a new one. What they cannot prove is that the phone stood in the room (docs/attacks.md):
the check-in counts by itself only with proof of the place, when nothing is known against it, and
not often; it waits for the lecturer otherwise, and the policy takes a part of the score.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.attendance.registry import checks_enqueue
from apps.attendance.selectors.policies import Editor, policy_for, time_refusal
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import Actor
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Method, Outcome, Reason
from apps.checkin.selectors.devices import device_that_signed
from apps.checkin.selectors.hot_path import (
    AttendeeContext,
    PriorState,
    attendee_context,
    prior_state,
)
from apps.checkin.services.check_in import (
    Submission,
    attempt_save,
    judge_attempt,
    judged_session,
    new_attempt,
    refuse,
)
from apps.checkin.services.online import requests_between
from apps.checkin.services.record import span_refusal
from apps.checkin.tickets import Ticket
from apps.common.errors import NotFound
from apps.common.signatures import device_signature_valid
from apps.qr_otp.problems import Problem
from apps.qr_otp.selectors import Check, check_kept_token
from apps.qr_otp.tokens import QR_PERIOD, window_at
from apps.sessions.models import ClassSession
from apps.sessions.selectors import lock_for_late_check_in
from apps.sessions.services import CHECK_IN, subject_of

SENT_WITHIN: Final = timedelta(hours=24)
HELD: Final = (ClassSession.Status.OPEN, ClassSession.Status.COMPLETED)


@dataclass(frozen=True, kw_only=True)
class OfflineScan:
    """What the phone noted when it scanned. `claimed_at` is by its own clock; `counter` grows with
    every offline check-in of the device."""

    session_id: int
    token: str
    counter: int
    claimed_at: datetime


@transaction.atomic
def check_in_offline(
    *, user: User, scan: OfflineScan, submission: Submission, now: datetime, actor: Actor
) -> tuple[CheckInAttempt, bool]:
    """Judge one offline check-in; returns the attempt and whether it was made now.

    The same nonce returns the first attempt. `submission.ticket` is not looked at. Raises
    `NotFound` for a session that does not exist: there is nothing to save an attempt for.
    """
    student = attendee_context(user_id=user.pk, session_id=None, lock=True)
    row = lock_for_late_check_in(session_id=scan.session_id)
    if row is None:
        raise NotFound("session_not_found", _("There is no such session."))
    session = judged_session(row)
    known = prior_state(
        student_id=student.id,
        session_id=session.id,
        nonce=submission.nonce,
        photo_sha256=submission.selfie_sha256,
    )
    if known.first_attempt_id is not None:
        return CheckInAttempt.objects.get(pk=known.first_attempt_id), False
    check = check_kept_token(purpose=CHECK_IN, text=scan.token, ended_after=now - SENT_WITHIN)
    scanned_at = _window_start(check, otherwise=now)
    ticket = Ticket(
        scan_id=None,
        session_id=session.id,
        student_id=student.id,
        device_id=student.device_id,
        method=Method.QR,
        redeemed_ms=int(scanned_at.timestamp() * 1000),
        delay_ms=None,
    )
    attempt = new_attempt(ticket, student, session, submission, now=now, actor=actor)
    attempt.offline, attempt.claimed_at = True, scan.claimed_at
    problem = (
        _standing_problem(known, status=row["status"])
        or _device_problem(attempt, student, session, scan, submission)
        or _code_problem(attempt, session, check, now=now)
        or span_refusal(session, scanned_at)
        or _online_problem(user, student, session, shown_at=scanned_at, now=now)
    )
    if problem:
        refuse(attempt, reason=problem, now=now)
    else:
        judge_attempt(attempt, ticket, student, session, submission, known=known, now=now)
    attempt_save(attempt=attempt, session=session, known=known, now=now, actor=actor)
    if row["status"] == ClassSession.Status.COMPLETED:
        if attempt.outcome != Outcome.PENDING:
            refresh_totals(session_id=session.id)
        checks_enqueue(session_id=session.id)
    return attempt, True


def _online_problem(
    user: User,
    student: AttendeeContext,
    session: JudgedSession,
    *,
    shown_at: datetime,
    now: datetime,
) -> str:
    """A request since the code was shown means a network: it could have been sent then."""
    heard = requests_between(
        user_id=user.pk,
        student_id=student.id,
        device_id=student.device_id,
        session_id=session.id,
        shown_at=shown_at,
        now=now,
    )
    return Reason.WAS_ONLINE if heard else ""


def _window_start(check: Check, *, otherwise: datetime) -> datetime:
    """When the scanned code began to stand: the moment that lateness counts from."""
    if check.problem or check.window is None:
        return otherwise
    return datetime.fromtimestamp(check.window * QR_PERIOD, tz=UTC)


def _standing_problem(known: PriorState, *, status: str) -> str:
    if status not in HELD:
        return Reason.NOT_OPEN
    return "" if known.enrolled else Reason.NOT_ENROLLED


def _device_problem(
    attempt: CheckInAttempt,
    student: AttendeeContext,
    session: JudgedSession,
    scan: OfflineScan,
    submission: Submission,
) -> str:
    """Whether the student's bound phone made this statement, and made it now for the first time.

    The counter is kept only of statements that the phone really signed: nobody else can use it up.
    """
    if student.device_id is None or student.device_key is None:
        return Reason.NO_DEVICE
    if not device_signature_valid(
        public_key=student.device_key, message=submission.message, signature=submission.signature
    ):
        attempt.signed_by_id = device_that_signed(
            session_id=session.id, message=submission.message, signature=submission.signature
        )
        return Reason.BAD_SIGNATURE
    last = (
        CheckInAttempt.objects.filter(device_id=student.device_id, device_counter__isnull=False)
        .order_by("-device_counter")
        .values_list("device_counter", flat=True)
        .first()
    )
    if last is not None and scan.counter <= last:
        return Reason.COUNTER_USED
    attempt.device_counter = scan.counter
    return ""


def _code_problem(
    attempt: CheckInAttempt, session: JudgedSession, check: Check, *, now: datetime
) -> str:
    """Whether the token is one that this session showed within the last day, and not used yet."""
    if check.problem in (Problem.MALFORMED, Problem.FORGED):
        return Reason(check.problem)
    if check.subject != subject_of(session.id):
        return Reason.OTHER_SESSION
    held = ClassSession.objects.select_related("course").get(pk=session.id)
    if check.problem or check.window is None or _older_than_a_day(check.window, now):
        return Reason.TOO_OLD
    if _is_locked(held, now):
        return Reason.FROZEN
    if not _shown_then(check.window, held, now):
        return Reason.OUTSIDE_SESSION
    used = CheckInAttempt.objects.filter(
        session_id=session.id, student_id=attempt.student_id, offline_window=check.window
    )
    if used.exists():
        return Reason.REPLAYED
    attempt.offline_window = check.window
    return ""


def _older_than_a_day(window: int, now: datetime) -> bool:
    return now > datetime.fromtimestamp((window + 1) * QR_PERIOD, tz=UTC) + SENT_WITHIN


def _is_locked(session: ClassSession, now: datetime) -> bool:
    """Whether the register was completed and locked since the code was scanned."""
    return session.status == ClassSession.Status.COMPLETED and bool(
        time_refusal(
            session=session, role=Editor.OFFICE, policy=policy_for(course=session.course), now=now
        )
    )


def _shown_then(window: int, session: ClassSession, now: datetime) -> bool:
    """Whether the projector showed this window's code: from the opening to the closing."""
    if session.opened_at is None:
        return False
    last_moment = min(session.closed_at or now, now)
    return window_at(session.opened_at) <= window <= window_at(last_moment)
