"""The check-in: a ticket and evidence become a judged attempt, and a record in the register."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.attendance.selectors.register import board_key
from apps.audit.services import Actor, log_event
from apps.biometrics.services import image_store
from apps.checkin.factors import FACTORS, applicable
from apps.checkin.factors.base import (
    Attendee,
    BeaconReading,
    Evidence,
    FactorResult,
    Fix,
    JudgedSession,
)
from apps.checkin.measuring import count_attempt
from apps.checkin.models import CheckInAttempt, FaceState, Outcome, Reason
from apps.checkin.scoring import ONE, ScoreResult, judge, offline_scale
from apps.checkin.selectors.attempts import somebody_else_seen, tried_before
from apps.checkin.selectors.devices import device_that_signed
from apps.checkin.selectors.hot_path import (
    AttendeeContext,
    PriorState,
    attendee_context,
    prior_state,
)
from apps.checkin.services.passkeys import passkey_noted
from apps.checkin.services.record import record_from_attempt, span_refusal
from apps.checkin.tickets import Ticket, read_ticket
from apps.checkin.waiting_rules import (
    OFFLINE_LIMIT,
    PHOTO_TRIES,
    SEEN_BEFORE,
    counted,
    face_is_missing,
    face_wait,
    person_wait,
    place_proven,
    wait,
    would_count,
)
from apps.common.cache import touch
from apps.common.errors import NotFound
from apps.common.ids import uuid7
from apps.liveness.rules import asks_turns
from apps.liveness.services import SentFrame, frames_keep
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import lock_for_check_in
from apps.signin.assertions import Assertion
from apps.tenants.inserts import row_insert
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

SELFIE_KEPT: Final = timedelta(days=30)
SETTLE_TASK: Final = "apps.checkin.tasks.settle_face"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What the phone sent, parsed and within its limits. `message` is what the device signed."""

    ticket: str
    nonce: str
    message: bytes
    signature: bytes
    fix: Fix | None = None
    beacons: tuple[BeaconReading, ...] | None = None
    selfie: bytes | None = None  # a normalised JPEG
    selfie_sha256: str = ""  # of it
    selfie_problem: str = ""  # why no worker needs to look at it: blank, or far too small
    frames: tuple[SentFrame, ...] = ()  # of the head turns that the ticket asked for
    device_info: dict[str, Any] = field(default_factory=dict)
    sign_in: str = ""  # which one this came from
    assertion: Assertion | None = None  # a passkey's, over `message`
    rp_id: str = ""  # the host name that it was sent to


@transaction.atomic(savepoint=False)
def check_in(
    *, user: User, submission: Submission, now: datetime, actor: Actor
) -> tuple[CheckInAttempt, bool]:
    """Judge one check-in; returns the attempt and whether it was made now.

    The same nonce returns the first attempt. Everything else that can be read is saved as an
    attempt, accepted, refused or pending until a worker has compared the face. Raises `NotFound`
    for a ticket of no known session and `Invalid` for one that this campus did not sign: there is
    no session to save an attempt for.
    """
    ticket = read_ticket(submission.ticket)
    if ticket is None:
        raise Reason.BAD_TICKET.error()
    student = attendee_context(user_id=user.pk, session_id=None, lock=True)
    row = lock_for_check_in(session_id=ticket.session_id)
    if row is None:
        raise NotFound("session_not_found", _("This session does not exist any more."))
    known = prior_state(
        student_id=student.id,
        session_id=ticket.session_id,
        nonce=submission.nonce,
        photo_sha256=submission.selfie_sha256,
        scan_id=ticket.scan_id,
        since=ticket.redeemed_at,
    )
    if known.first_attempt_id is not None:
        return CheckInAttempt.objects.get(pk=known.first_attempt_id), False
    attempt = check_in_judge(ticket, submission, student, row, known=known, now=now, actor=actor)
    return attempt, True


def check_in_judge(
    ticket: Ticket,
    submission: Submission,
    student: AttendeeContext,
    row: dict[str, Any],
    *,
    known: PriorState,
    now: datetime,
    actor: Actor,
) -> CheckInAttempt:
    """Judge and save one check-in whose student and session (`row`) the caller holds."""
    session = judged_session(row)
    problem = _problem(ticket, submission, student, known, status=row["status"], now=now)
    problem = problem or span_refusal(session, ticket.seen_at or ticket.redeemed_at)
    attempt = new_attempt(ticket, student, session, submission, now=now, actor=actor)
    if problem:
        refuse(attempt, reason=problem, now=now)
    else:
        judge_attempt(attempt, ticket, student, session, submission, known=known, now=now)
    attempt_save(attempt=attempt, session=session, known=known, now=now, actor=actor)
    return attempt


def attempt_save(
    *,
    attempt: CheckInAttempt,
    session: JudgedSession,
    known: PriorState,
    now: datetime,
    actor: Actor,
) -> None:
    """Save a judged attempt with what follows from it: the record, the board, the audit entry."""
    row_insert(attempt)
    if attempt.outcome == Outcome.PENDING:
        enqueue(SETTLE_TASK, str(attempt.pk))
    else:
        record_from_attempt(attempt=attempt, session=session, known=known, now=now)
    touch(board_key(session.id))
    count_attempt(attempt)
    log_event(
        actor=actor,
        action=f"checkin.attempt.{attempt.outcome}",
        now=now,
        target=attempt,
        data={"session": session.id, "reason": attempt.reason, "score": str(attempt.score)},
    )


def judged_session(row: dict[str, Any]) -> JudgedSession:
    """A session row as the factors see it."""
    policy = row["policy"]
    return JudgedSession(
        id=row["id"],
        campus_id=current_campus_id(),
        course_id=row["course_id"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        opened_at=row["opened_at"] or row["starts_at"],
        policy=json.loads(policy) if isinstance(policy, str) else policy,
    )


def _problem(
    ticket: Ticket,
    submission: Submission,
    student: AttendeeContext,
    known: PriorState,
    *,
    status: str,
    now: datetime,
) -> str:
    """Why this check-in cannot be judged at all, or ""."""
    if (ticket.student_id, ticket.sign_in) != (student.id, submission.sign_in):
        return Reason.BAD_TICKET
    if now > ticket.expires_at:
        return Reason.TICKET_EXPIRED
    if status != ClassSession.Status.OPEN:
        return Reason.NOT_OPEN
    if not known.enrolled:
        return Reason.NOT_ENROLLED
    return ""


def new_attempt(
    ticket: Ticket,
    student: AttendeeContext,
    session: JudgedSession,
    submission: Submission,
    *,
    now: datetime,
    actor: Actor,
) -> CheckInAttempt:
    """What the phone sent, as a row that is neither judged nor saved."""
    fix = submission.fix
    loudest = max((b.rssi for b in submission.beacons or ()), default=None)
    return CheckInAttempt(
        id=uuid7(),
        campus_id=session.campus_id,
        session_id=session.id,
        student_id=student.id,
        device_id=student.device_id,
        scan_id=ticket.scan_id,
        nonce=submission.nonce,
        method=ticket.method,
        seen_at=ticket.seen_at,
        redeemed_at=ticket.redeemed_at,
        redeem_delay_ms=ticket.delay_ms,
        received_at=now,
        latitude=fix.latitude if fix else None,
        longitude=fix.longitude if fix else None,
        accuracy_m=Decimal(str(round(fix.accuracy_m, 2))) if fix else None,
        bluetooth_rssi=loudest,
        device_info=submission.device_info,
        address=actor.address,
        sign_in=submission.sign_in,
    )


def judge_attempt(
    attempt: CheckInAttempt,
    ticket: Ticket,
    student: AttendeeContext,
    session: JudgedSession,
    submission: Submission,
    *,
    known: PriorState,
    now: datetime,
) -> None:
    """Ask the factors. With a selfie to compare the attempt stays pending for a worker.

    They are asked about the moment of the scan, which for offline check-ins lies hours back.
    """
    at = ticket.redeemed_at if attempt.offline else now
    attendee = Attendee(
        id=student.id,
        device_id=student.device_id,
        public_key=student.device_key,
        face_applies=student.has_face,
        face_agreed=student.face_agreed,
    )
    asked = applicable(session=session, student=attendee)
    evidence = Evidence(
        method=attempt.method,
        scanned_device_id=ticket.device_id,
        message=submission.message,
        signature=submission.signature,
        fix=submission.fix,
        beacons=submission.beacons,
        selfie=submission.selfie is not None,
        passkey=passkey_noted(
            attempt,
            student,
            session,
            assertion=submission.assertion,
            message=submission.message,
            rp_id=submission.rp_id,
            now=at,
        ),
        face=submission.selfie_problem,
    )
    results = {
        name: FACTORS[name](session=session, student=attendee, evidence=evidence, now=at)
        for name in asked
    }
    decide(attempt, session, results, face_agreed=student.face_agreed, now=now)
    if attempt.reason == Reason.BAD_SIGNATURE and submission.signature:
        attempt.signed_by_id = device_that_signed(
            session_id=session.id, message=submission.message, signature=submission.signature
        )
    if "face" in asked and (attempt.outcome != Outcome.REFUSED or _low(attempt)):
        _photo(attempt, submission, known=known, now=now)
        if attempt.face_state == FaceState.PENDING and asks_turns(session.policy):
            frames_keep(submission.frames, of=attempt, ticket=submission.ticket, now=now)


def _low(attempt: CheckInAttempt) -> bool:
    return attempt.reason == Reason.SCORE_TOO_LOW


def _photo(
    attempt: CheckInAttempt, submission: Submission, *, known: PriorState, now: datetime
) -> None:
    """Keep the photo for a worker; refuse one that was there before, or a fourth of one ticket."""
    attempt.photo_try = known.photo_try + 1
    if attempt.photo_try > PHOTO_TRIES:
        refuse(attempt, reason=Reason.PHOTO_TRIES, now=now)
    elif known.photo:
        refuse(attempt, reason=SEEN_BEFORE[known.photo], now=now)
    elif submission.selfie is not None and not submission.selfie_problem:
        attempt.photo_sha256 = submission.selfie_sha256
        attempt.selfie = image_store(data=submission.selfie, now=now, kept_for=SELFIE_KEPT)
        attempt.face_state = FaceState.PENDING
        attempt.outcome, attempt.reason, attempt.settled_at = Outcome.PENDING, "", None
        attempt.waits_until = None


def decide(
    attempt: CheckInAttempt,
    session: JudgedSession,
    results: Mapping[str, FactorResult],
    *,
    face_agreed: bool,
    now: datetime,
) -> None:
    """What these factors make of an attempt (not yet saved): accepted, refused, or waiting."""
    policy = session.policy
    scale = offline_scale(policy) if attempt.offline else ONE
    counting = counted(results, policy=policy, method=attempt.method)
    apply_score(attempt, judge(policy, counting, scale=scale), now=now)
    if attempt.reason not in ("", Reason.SCORE_TOO_LOW):
        return
    reason = (
        face_wait(counting, policy=policy, method=attempt.method, face_agreed=face_agreed)
        or _unseen_face(attempt, session, counting)
        or person_wait(counting)
    )
    if reason and would_count(counting, policy=policy, scale=scale):
        wait(attempt, session, reason=reason, now=now)
    elif attempt.offline and attempt.outcome == Outcome.ACCEPTED:
        reason = offline_wait(attempt, session, counting)
        if reason:
            wait(attempt, session, reason=reason, now=now)


def _unseen_face(
    attempt: CheckInAttempt, session: JudgedSession, counting: Mapping[str, FactorResult]
) -> str:
    missing = face_is_missing(counting, policy=session.policy, method=attempt.method)
    return Reason.NOT_ENROLLED_FACE if missing and somebody_else_seen(attempt, session) else ""


def offline_wait(
    attempt: CheckInAttempt, session: JudgedSession, results: Mapping[str, FactorResult]
) -> str:
    """Why an offline check-in that was judged good does not count by itself; "" when it does."""
    if not place_proven(results):
        return Reason.PLACE_UNPROVEN
    if tried_before(attempt):
        return Reason.OFTEN_OFFLINE
    limit = session.policy.get("offline_limit", OFFLINE_LIMIT)
    # Of a class that several courses share the student's own one counts, whichever leads.
    courses = SessionCourse.objects.filter(
        session_id=session.id, course__enrollments__student=attempt.student_id
    )
    meetings = SessionCourse.objects.filter(course__in=courses.values("course"))
    counted_so_far = CheckInAttempt.objects.filter(
        student_id=attempt.student_id,
        session__in=meetings.values("session"),
        offline=True,
        outcome__in=(Outcome.ACCEPTED, Outcome.PENDING),
        decided_by="",
    ).exclude(pk=attempt.pk)
    return Reason.OFTEN_OFFLINE if counted_so_far.count() >= limit else ""


def apply_score(attempt: CheckInAttempt, result: ScoreResult, *, now: datetime) -> None:
    """Write a score into the attempt (not yet saved)."""
    attempt.score = result.score
    attempt.factors = result.factors
    outcome = Outcome.REFUSED if result.reason else Outcome.ACCEPTED
    _settle(attempt, outcome=outcome, reason=result.reason, now=now)


def refuse(attempt: CheckInAttempt, *, reason: str, now: datetime) -> None:
    """Refuse an attempt that is not to be judged (not yet saved)."""
    _settle(attempt, outcome=Outcome.REFUSED, reason=reason, now=now)


def _settle(attempt: CheckInAttempt, *, outcome: Outcome, reason: str, now: datetime) -> None:
    attempt.outcome = outcome
    attempt.reason = reason
    attempt.settled_at = now
    attempt.waits_until = None
