"""From a settled attempt to the record in the register."""

from datetime import datetime, timedelta
from typing import Any

from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.selectors.register import ATTENDED, BY_PERSON
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.selectors.hot_path import PriorState
from apps.tenants.inserts import row_insert

# Refusals after judging: the student was there with something that did not hold.
INVALID_REASONS = frozenset({Reason.FACE_MISMATCH, Reason.SCORE_TOO_LOW})


def scanned_at(attempt: CheckInAttempt) -> datetime:
    return attempt.redeemed_at or attempt.received_at


def minutes_late(attempt: CheckInAttempt, session: JudgedSession) -> int:
    """Whole minutes from the start (or the opening, if later) to the scan."""
    start = max(session.starts_at, session.opened_at)
    return max(0, int((scanned_at(attempt) - start).total_seconds() // 60))


def is_late(attempt: CheckInAttempt, session: JudgedSession) -> bool:
    """Scanned both long enough after the start and after the grace that follows the opening.

    A policy with 0 minutes knows no lateness.
    """
    after = session.policy["late_after_minutes"]
    grace = session.policy.get("grace_minutes", after)
    return bool(after) and scanned_at(attempt) >= max(
        session.starts_at + timedelta(minutes=after),
        session.opened_at + timedelta(minutes=grace),
    )


def span_refusal(session: JudgedSession, scanned: datetime) -> str:
    """Whether the policy lets nobody check in yet or any more at this moment; "" if it does."""
    earliest = session.policy.get("check_in_from_minutes")
    latest = session.policy.get("check_in_until_minutes")
    if earliest is not None and scanned < session.starts_at + timedelta(minutes=earliest):
        return Reason.TOO_EARLY
    if latest is not None and scanned > session.starts_at + timedelta(minutes=latest):
        return Reason.TOO_LATE
    return ""


def record_from_attempt(
    *, attempt: CheckInAttempt, session: JudgedSession, known: PriorState, now: datetime
) -> None:
    """Write or improve the record that a settled attempt earns.

    A mark by a person always stands, and the first accepted check-in stands against later ones. A
    record that is invalid or was absent at the closing is improved by an accepted attempt.
    Expects the student's row to be locked.
    """
    status = _earned_status(attempt, session)
    if status is None:
        return
    values: dict[str, Any] = {
        "status": status,
        "label": None,
        "source": RecordSource.CHECK_IN,
        "attempt_id": attempt.pk,
        "policy_id": session.policy.get("policy_id"),
        "recorded_at": attempt.redeemed_at or now,
        "minutes_late": minutes_late(attempt, session),
        "biometric_verified": _passed(attempt, "face"),
        "location_verified": _passed(attempt, "location"),
        "bluetooth_verified": _passed(attempt, "bluetooth"),
        "verification_score": attempt.score,
    }
    if known.record_id is None:
        values |= {"session_id": session.id, "student_id": attempt.student_id}
        row_insert(AttendanceRecord(**values | {"course_id": known.course_id}))
    elif _may_improve(known, status):
        AttendanceRecord.objects.filter(pk=known.record_id).update(**values, updated_at=now)


def _earned_status(attempt: CheckInAttempt, session: JudgedSession) -> Status | None:
    if attempt.outcome == Outcome.ACCEPTED:
        return Status.LATE if is_late(attempt, session) else Status.PRESENT
    if attempt.reason in INVALID_REASONS:
        return Status.INVALID
    return None


def _may_improve(known: PriorState, status: Status) -> bool:
    return (
        known.record_source not in BY_PERSON
        and known.record_status not in ATTENDED
        and (status in ATTENDED or known.record_source == RecordSource.CLOSING)
    )


def _passed(attempt: CheckInAttempt, factor: str) -> bool:
    return attempt.factors.get(factor, {}).get("passed") is True
