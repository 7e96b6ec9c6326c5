"""From a settled attempt to the record in the register."""

from datetime import datetime, timedelta
from typing import Any

from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.selectors.register import may_improve
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.selectors.hot_path import PriorState
from apps.tenants.inserts import row_insert_unread

# Refusals after judging: the student was there with something that did not hold.
INVALID_REASONS = frozenset({Reason.FACE_MISMATCH, Reason.SCORE_TOO_LOW})


def minutes_late(attempt: CheckInAttempt, session: JudgedSession) -> int:
    """Whole minutes from the start (or the opening, if later) to the scan."""
    start = max(session.starts_at, session.opened_at)
    return max(0, int((attempt.scanned_at - start).total_seconds() // 60))


def is_late(attempt: CheckInAttempt, session: JudgedSession) -> bool:
    """Scanned both long enough after the start and after the grace that follows the opening.

    A policy with 0 minutes knows no lateness.
    """
    after = session.policy["late_after_minutes"]
    grace = session.policy.get("grace_minutes", after)
    return bool(after) and attempt.scanned_at >= max(
        session.starts_at + timedelta(minutes=after), session.opened_at + timedelta(minutes=grace)
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
    """Write or improve the record that a settled attempt earns, as `may_improve` allows.

    Expects the student's row to be locked.
    """
    values = record_values(attempt, session)
    if values is None:
        return
    if known.record_id is None:
        values |= {"session_id": session.id, "student_id": attempt.student_id}
        row_insert_unread(AttendanceRecord(**values | {"course_id": known.course_id}))
    elif may_improve(values["status"], status=known.record_status, source=known.record_source):
        AttendanceRecord.objects.filter(pk=known.record_id).update(**values, updated_at=now)


def record_values(attempt: CheckInAttempt, session: JudgedSession) -> dict[str, Any] | None:
    """The fields of the record that a settled attempt earns; None when it earns none."""
    status = _earned_status(attempt, session)
    if status is None:
        return None
    return {
        "status": status,
        "label": None,
        "source": RecordSource.CHECK_IN,
        "attempt_id": attempt.pk,
        "policy_id": session.policy.get("policy_id"),
        "recorded_at": attempt.scanned_at,
        "minutes_late": minutes_late(attempt, session),
        "biometric_verified": _passed(attempt, "face"),
        "location_verified": _passed(attempt, "location"),
        "bluetooth_verified": _passed(attempt, "bluetooth"),
        "person_verified": _passed(attempt, "person"),
        "verification_score": attempt.score,
    }


def _earned_status(attempt: CheckInAttempt, session: JudgedSession) -> Status | None:
    if attempt.outcome == Outcome.ACCEPTED:
        return Status.LATE if is_late(attempt, session) else Status.PRESENT
    if attempt.reason in INVALID_REASONS:
        return Status.INVALID
    return None


def _passed(attempt: CheckInAttempt, factor: str) -> bool:
    return attempt.factors.get(factor, {}).get("passed") is True
