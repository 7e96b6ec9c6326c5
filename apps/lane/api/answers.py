"""Answers as the REST framework writes them, without its serializers: tests compare both."""

from datetime import datetime
from typing import Any

from apps.checkin.explanation import explain, factor_lines
from apps.checkin.models import CheckInAttempt, Reason
from apps.checkin.waiting_rules import tries_left


def moment_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def attempt_body(attempt: CheckInAttempt) -> dict[str, Any]:
    """`apps.checkin.api.serializers.AttemptOutput` of an attempt that was judged just now."""
    return {
        "id": str(attempt.pk),
        "session": attempt.session_id,
        "outcome": str(attempt.outcome),
        "reason": str(attempt.reason),
        "message": str(Reason(attempt.reason).label) if attempt.reason else "",
        "score": float(attempt.score),
        "explanation": explain(attempt),
        "lines": factor_lines(attempt),
        "face_state": str(attempt.face_state),
        "photo_tries_left": tries_left(attempt),
        "waits_until": moment_text(attempt.waits_until),
        "method": attempt.method,
        "offline": attempt.offline,
        "factors": attempt.factors,
        "seen_at": moment_text(attempt.seen_at),
        "redeemed_at": moment_text(attempt.redeemed_at),
        "received_at": moment_text(attempt.received_at),
        "settled_at": moment_text(attempt.settled_at),
    }
