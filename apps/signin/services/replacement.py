"""A passkey lets a new device take the place of a lost one at once, without the 48 hours.

What a thief of the password can do must not become more by it: a passkey that was added a moment
ago proves no more than the password did. So it has to be as old as the wait would be, and adding
it was told to the owner, as asking for another device is (docs/decisions/0044).
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Device, Student
from apps.common.errors import Forbidden, Refused
from apps.signin.assertions import Assertion, Passkey, Proof, assertion_proof
from apps.signin.passkeys import (
    OLD_ENOUGH,
    campus_hosts,
    passkey_for,
    passkeys_of,
    replacement_challenge,
)

ONCE_IN: Final = timedelta(hours=24)  # else one passkey would pass a class's phones around


def usable_passkeys(*, student: Student, rp_id: str) -> list[Passkey]:
    """The student's passkeys for this host name, if it is one of the campus's."""
    if student.user_id is None or rp_id not in campus_hosts():
        return []
    return passkeys_of(user_id=student.user_id, rp_ids=[rp_id])


def old_enough_at(passkey: Passkey) -> datetime:
    """From when on a passkey may replace a device."""
    return passkey.added_at + OLD_ENOUGH


def passkey_replaces(
    *,
    student: Student,
    assertion: Assertion,
    public_key: bytes,
    rp_id: str,
    now: datetime,
    message: bytes,
) -> dict[str, Any]:
    """Whether this assertion lets the key be bound in the place of another one; what the log says.

    A `ReplacementCheck` of `device_bind`, once all but `message` is given. Raises `Forbidden`
    (bad_passkey, passkey_not_verified, passkey_too_new) or `Refused` (replaced_recently). Expects
    the student's row to be locked.
    """
    passkey = passkey_for(assertion, usable_passkeys(student=student, rp_id=rp_id))
    challenge = replacement_challenge(message=message, public_key=public_key)
    proof = assertion_proof(assertion=assertion, passkey=passkey, challenge=challenge, rp_id=rp_id)
    if passkey is None or proof.problem:
        raise Forbidden("bad_passkey", _("This is no passkey of yours for this address."))
    _check_proof(proof, passkey, now)
    recent = Device.objects.filter(
        student=student, bound_by_passkey=True, bound_at__gt=now - ONCE_IN
    )
    if recent.exists():
        raise Refused(
            "replaced_recently",
            _("A passkey replaces a device once in 24 hours. Ask for a replacement instead."),
        )
    return {"passkey": passkey.id, "passkey_name": passkey.name, "rp_id": passkey.rp_id}


def _check_proof(proof: Proof, passkey: Passkey, now: datetime) -> None:
    if not proof.user_verified:
        raise Forbidden(
            "passkey_not_verified",
            _("Your device has to check your face, finger or screen lock for this."),
        )
    if now < old_enough_at(passkey):
        raise Forbidden(
            "passkey_too_new",
            _("This passkey is too new: it can replace a device when it is 48 hours old."),
        )
