"""Face: the outcome of the worker's comparison with the student's own templates."""

from datetime import datetime

from apps.checkin.factors.base import Attendee, Evidence, FactorResult, JudgedSession


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Matched or not; without a selfie, before the worker, or with a poor photo: cannot tell."""
    if not evidence.selfie:
        return FactorResult(passed=None, reason="no_selfie")
    if evidence.face == "matched":
        return FactorResult(passed=True, reason="matched")
    if evidence.face == "not_matched":
        return FactorResult(passed=False, reason="not_matched")
    return FactorResult(passed=None, reason=evidence.face or "pending")
