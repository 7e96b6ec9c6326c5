"""Settling a pending check-in: the worker's part, safe to run twice and to lose halfway."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Student
from apps.attendance.selectors.register import board_key
from apps.audit.services import SYSTEM, log_event
from apps.biometrics.models import FaceVerification
from apps.biometrics.services import verify_student
from apps.checkin.factors import FACTORS
from apps.checkin.factors.base import Attendee, Evidence, FactorResult
from apps.checkin.measuring import count_attempt
from apps.checkin.models import CheckInAttempt, FaceState, Outcome, Reason
from apps.checkin.selectors.attempts import turns_failed_before
from apps.checkin.selectors.hot_path import prior_state
from apps.checkin.services.check_in import decide, judged_session, refuse
from apps.checkin.services.record import record_from_attempt
from apps.checkin.services.waiting import register_settle
from apps.common.cache import touch
from apps.liveness.rules import LivenessUse, asks_turns
from apps.liveness.services import liveness_give_up, liveness_judge
from apps.sessions.models import ClassSession
from apps.sessions.selectors import lock_for_late_check_in, session_for_check_in

# A face that no worker could compare for so long is settled as "could not tell".
GIVE_UP_AFTER: Final = timedelta(hours=1)
SETTLED_FIELDS: Final = (
    "score",
    "factors",
    "outcome",
    "reason",
    "settled_at",
    "waits_until",
    "face_state",
)
GAVE_UP: Final = "not_compared"


def settle_with_face(*, attempt_id: UUID, now: datetime) -> CheckInAttempt | None:
    """Compare the selfie of a pending attempt and settle it; None when there is nothing to do.

    The comparison is kept under the attempt's id, so that a second run finds it instead of
    comparing (and counting) again. Storage errors pass through: the task is retried.
    """
    attempt = CheckInAttempt.objects.filter(pk=attempt_id, outcome=Outcome.PENDING).first()
    if attempt is None or attempt.selfie_id is None:
        return None
    verification = verify_student(
        student_id=attempt.student_id,
        image_id=attempt.selfie_id,
        reference=str(attempt.pk),
        now=now,
    )
    return _settle(attempt_id=attempt_id, face=_face_result(attempt, verification, now), now=now)


def settle_without_face(*, attempt_id: UUID, now: datetime) -> CheckInAttempt | None:
    """Settle an attempt whose face could not be compared in time."""
    liveness_give_up(reference=str(attempt_id), reason=GAVE_UP, now=now)
    return _settle(attempt_id=attempt_id, face=FactorResult(passed=None, reason=GAVE_UP), now=now)


def _face_result(
    attempt: CheckInAttempt, verification: FaceVerification, now: datetime
) -> FactorResult:
    decision = verification.decision
    undecided = FaceVerification.Decision.UNDECIDED
    row = session_for_check_in(session_id=attempt.session_id)
    assert row is not None  # the attempt's foreign key protects it
    session = judged_session(row)
    asked = asks_turns(session.policy)
    if asked and turns_failed_before(attempt):  # a photo alone does not count any more
        session = replace(session, policy={**session.policy, "liveness": LivenessUse.REQUIRED})
    evidence = Evidence(
        method=attempt.method,
        scanned_device_id=attempt.device_id,
        message=b"",
        signature=b"",
        selfie=True,
        face=verification.reason if decision == undecided else decision,
        live=liveness_judge(reference=str(attempt.pk), now=now) if asked else None,
    )
    attendee = Attendee(
        id=attempt.student_id, device_id=attempt.device_id, public_key=None, face_applies=True
    )
    return FACTORS["face"](session=session, student=attendee, evidence=evidence, now=now)


@transaction.atomic
def _settle(*, attempt_id: UUID, face: FactorResult, now: datetime) -> CheckInAttempt | None:
    """Judge the stored factors together with the face. Only a pending attempt is settled."""
    student_id = CheckInAttempt.objects.values_list("student_id", flat=True).get(pk=attempt_id)
    Student.objects.select_for_update(no_key=True).get(pk=student_id)
    attempt = CheckInAttempt.objects.filter(pk=attempt_id, outcome=Outcome.PENDING).first()
    if attempt is None:
        return None
    row = lock_for_late_check_in(session_id=attempt.session_id)
    assert row is not None  # the attempt's foreign key protects it
    session = judged_session(row)
    results = {name: stored_result(factor) for name, factor in attempt.factors.items()}
    decide(attempt, session, {**results, "face": face}, face_agreed=True, now=now)
    if seen := _sent_at_once(attempt):
        refuse(attempt, reason=seen, now=now)
    attempt.face_state = FaceState.SETTLED
    attempt.save(update_fields=SETTLED_FIELDS)
    known = prior_state(student_id=student_id, session_id=session.id, nonce=attempt.nonce)
    record_from_attempt(attempt=attempt, session=session, known=known, now=now)
    if row["status"] == ClassSession.Status.COMPLETED:
        # The closing passed the student over: who is refused now has no other mark.
        refused = [student_id] if attempt.outcome == Outcome.REFUSED else []
        register_settle(ClassSession.objects.get(pk=session.id), absent=refused, now=now)
    else:
        touch(board_key(session.id))
    count_attempt(attempt)
    log_event(
        actor=SYSTEM,
        action=f"checkin.attempt.{attempt.outcome}",
        now=now,
        target=attempt,
        data={"session": session.id, "reason": attempt.reason, "score": str(attempt.score)},
    )
    return attempt


def _sent_at_once(attempt: CheckInAttempt) -> str:
    """Why a photo is refused that came at the same moment from somebody else, or twice; else ""."""
    if not attempt.photo_sha256:
        return ""
    earlier = (
        CheckInAttempt.objects.filter(photo_sha256=attempt.photo_sha256)
        .filter(
            Q(received_at__lt=attempt.received_at)
            | Q(received_at=attempt.received_at, pk__lt=attempt.pk)
        )
        .first()
    )
    if earlier is None:
        return ""
    own = earlier.student_id == attempt.student_id
    return Reason.PHOTO_USED if own else Reason.OTHERS_PHOTO


def stored_result(factor: dict[str, Any]) -> FactorResult:
    """A factor's result as the attempt kept it."""
    return FactorResult(
        passed=factor["passed"],
        confidence=factor["confidence"],
        reason=factor["reason"],
        detail=factor["detail"],
    )
