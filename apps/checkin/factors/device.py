"""The bound device: its non-exportable key signs every check-in."""

from datetime import datetime

from apps.accounts.signatures import device_signature_valid
from apps.checkin.factors.base import Attendee, Evidence, FactorResult, JudgedSession


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Fails for another device than the one that scanned, and for a signature that does not fit."""
    if student.public_key is None:
        return FactorResult(passed=None, reason="no_device")
    if evidence.scanned_device_id != student.device_id:
        return FactorResult(passed=False, reason="other_device")
    if not device_signature_valid(
        public_key=student.public_key, message=evidence.message, signature=evidence.signature
    ):
        return FactorResult(passed=False, reason="bad_signature")
    return FactorResult(passed=True, reason="signed")
