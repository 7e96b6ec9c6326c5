"""The phone's own check of its user: face, finger or screen lock, reported by a passkey.

Nothing of a face or finger leaves the phone. What comes is one bit (WebAuthn's UV flag), signed by
the passkey over this very check-in.
"""

from datetime import datetime

from apps.checkin.factors.base import Attendee, Evidence, FactorResult, JudgedSession
from apps.checkin.factors.passkeys import facts_of, judged


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Verified, or it could not tell: an assertion that is wrong fails as the device's proof."""
    proof = evidence.passkey
    if proof is None:
        return FactorResult(passed=None, reason="no_assertion")
    if proof.problem:
        return FactorResult(passed=None, reason="bad_passkey")
    if not proof.user_verified:
        return FactorResult(passed=None, reason="not_verified", detail=facts_of(proof))
    return judged(proof, session.policy, reason="verified")
