"""The passkey of a check-in: what it proves, noted in the attempt."""

from datetime import datetime

from apps.checkin.factors.base import JudgedSession
from apps.checkin.factors.passkeys import asks_passkeys
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.hot_path import AttendeeContext
from apps.checkin.selectors.passkeys import OTHERS_PASSKEY, passkey_proof
from apps.signin.assertions import Assertion, Proof


def passkey_noted(
    attempt: CheckInAttempt,
    student: AttendeeContext,
    session: JudgedSession,
    *,
    assertion: Assertion | None,
    message: bytes,
    rp_id: str,
    now: datetime,
) -> Proof | None:
    """What an assertion proves; None without one, and where the policy asks for none.

    The attempt (not yet saved) keeps which passkey signed it: the student's, or a classmate's,
    which refuses it.
    """
    if assertion is None or not asks_passkeys(session.policy):
        return None
    proof = passkey_proof(
        student=student,
        session_id=session.id,
        assertion=assertion,
        message=message,
        rp_id=rp_id,
        now=now,
    )
    if not proof.problem or proof.problem == OTHERS_PASSKEY:
        attempt.passkey_id, attempt.passkey_synced = proof.passkey_id, proof.synced
        attempt.passkey_counter = proof.counter
    return proof
