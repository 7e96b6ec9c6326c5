"""Face: the outcome of the worker's comparison with the student's own templates."""

from datetime import datetime

from apps.checkin.factors.base import Attendee, Evidence, FactorResult, JudgedSession
from apps.liveness.rules import seen_live


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Matched or not; without a selfie, before the worker, or with a poor photo: cannot tell.

    A face that matched has to be seen live where the policy says so.
    """
    if not evidence.selfie:
        return FactorResult(passed=None, reason="no_selfie")
    if evidence.face == "matched":
        passed, why = seen_live(evidence.live, session.policy)
        return FactorResult(passed=passed, reason=why or "matched")
    if evidence.face == "not_matched":
        return FactorResult(passed=False, reason="not_matched")
    return FactorResult(passed=None, reason=evidence.face or "pending")
