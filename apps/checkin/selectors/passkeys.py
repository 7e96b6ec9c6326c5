"""What a passkey proves in a check-in; asked only where an assertion came."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Final

from allauth.mfa.models import Authenticator
from fido2.utils import websafe_encode

from apps.accounts.models import Student
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.hot_path import AttendeeContext
from apps.signin.assertions import Assertion, Passkey, Proof, assertion_proof
from apps.signin.passkeys import OLD_ENOUGH, passkey_for, passkey_from, passkeys_of, rows

OTHERS_PASSKEY: Final = "others_passkey"


def passkey_proof(
    *,
    student: AttendeeContext,
    session_id: int,
    assertion: Assertion,
    message: bytes,
    rp_id: str,
    now: datetime,
) -> Proof:
    """What this assertion over the evidence proves of the student; the challenge is its SHA-256.

    Only passkeys of the student's own account for this host count. A right one of a classmate has
    the problem `OTHERS_PASSKEY` and says whose. One statement for the student's passkeys, one for
    the last counter where the passkey counts, one more for a passkey that is not the student's.
    """
    challenge = hashlib.sha256(message).digest()
    own = passkeys_of(user_id=student.user_id, rp_ids=[rp_id])
    passkey = passkey_for(assertion, own)
    theirs = passkey is None
    if passkey is None:
        passkey = _classmates_passkey(session_id, assertion, rp_id)
    proof = assertion_proof(assertion=assertion, passkey=passkey, challenge=challenge, rp_id=rp_id)
    if passkey is None or proof.problem:
        return proof
    if theirs:
        return replace(proof, problem=OTHERS_PASSKEY)
    return replace(
        proof,
        went_back=_went_back(student.id, proof),
        too_new=_too_new(passkey, own, student, now),
    )


def _too_new(passkey: Passkey, own: list[Passkey], student: AttendeeContext, now: datetime) -> bool:
    """Whether it came after another device or passkey and is not 48 hours old: who has taken a
    password must not check in at once by adding one. The first of a student without a device
    counts at once, as the first device does."""
    is_first = student.device_id is None and len(own) == 1
    return not is_first and now < passkey.added_at + OLD_ENOUGH


def _went_back(student_id: int, proof: Proof) -> bool:
    """Whether the counter is not above the last one seen (WebAuthn, §6.1.1): a copy exists."""
    last = (
        CheckInAttempt.objects.filter(student_id=student_id, passkey_id=proof.passkey_id)
        .order_by("-received_at")
        .values_list("passkey_counter", flat=True)
        .first()
    )
    return last is not None and max(last, proof.counter) > 0 and proof.counter <= last


def _classmates_passkey(session_id: int, assertion: Assertion, rp_id: str) -> Passkey | None:
    owners = Student.objects.filter(
        enrollments__course__meetings__session=session_id,
        enrollments__status="enrolled",
        user_id__isnull=False,
    ).values_list("user_id", flat=True)
    found: Authenticator | None = (
        rows(user_ids=owners, rp_ids=[rp_id])
        .filter(data__credential__rawId=websafe_encode(assertion.credential_id))
        .first()
    )
    return passkey_from(found) if found else None
