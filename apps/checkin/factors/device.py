"""The bound device: its non-exportable key signs every check-in, or a passkey does."""

from datetime import datetime

from apps.attendance.models import PasskeyUse
from apps.checkin.factors.base import Attendee, Evidence, FactorResult, JudgedSession
from apps.checkin.factors.passkeys import judged, passkey_use
from apps.common.signatures import device_signature_valid
from apps.signin.assertions import Proof


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Fails for another device than the one that scanned, and for a signature that does not fit.

    So does any assertion that does not fit, whatever signature comes with it. Where the policy
    accepts passkeys, one stands in for a missing signature; where it requires them, both count.
    """
    if evidence.passkey is not None and evidence.passkey.problem:
        return FactorResult(passed=False, reason="bad_signature")
    use = passkey_use(session.policy)
    by_passkey = use == PasskeyUse.REQUIRED or (
        use == PasskeyUse.ACCEPTED and evidence.passkey is not None and not evidence.signature
    )
    if not by_passkey:
        return _signed(student, evidence)
    if evidence.scanned_device_id != student.device_id:
        return FactorResult(passed=False, reason="other_device")
    if evidence.signature and not _signed(student, evidence).passed:
        return _signed(student, evidence)
    return _by_passkey(evidence.passkey, session)


def _signed(student: Attendee, evidence: Evidence) -> FactorResult:
    if student.public_key is None:
        return FactorResult(passed=None, reason="no_device")
    if evidence.scanned_device_id != student.device_id:
        return FactorResult(passed=False, reason="other_device")
    if not device_signature_valid(
        public_key=student.public_key, message=evidence.message, signature=evidence.signature
    ):
        return FactorResult(passed=False, reason="bad_signature")
    return FactorResult(passed=True, reason="signed")


def _by_passkey(proof: Proof | None, session: JudgedSession) -> FactorResult:
    if proof is None:
        return FactorResult(passed=None, reason="no_passkey")
    return judged(proof, session.policy, reason="passkey")
