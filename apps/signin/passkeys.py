"""The passkeys of accounts: rows of the sign-in library, each good for one host name.

An account is shared by campuses, so its passkeys are no rows of a campus. What a campus may know
and use of them are those of its own host names.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet
from fido2.utils import websafe_decode, websafe_encode

from apps.accounts.models import Student
from apps.signin.assertions import Assertion, Passkey
from apps.tenants.models import Domain
from apps.tenants.scope import current_campus_id

MOST: Final = 20  # of one account
OLD_ENOUGH: Final = timedelta(hours=48)  # as long as asking for another device takes
LONGEST_NAME: Final = 100
# What of a browser's answer is kept, so that nothing else can be stored with it.
KEPT: Final = ("id", "rawId", "type", "authenticatorAttachment")
KEPT_OF_RESPONSE: Final = ("clientDataJSON", "attestationObject", "transports")


@dataclass(frozen=True, kw_only=True)
class NewPasskey:
    """A browser's answer that was checked. `synced`: it may be copied to other devices."""

    name: str
    rp_id: str
    synced: bool
    credential: dict[str, Any]


def rows(*, user_ids: Collection[int], rp_ids: Collection[str]) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(
        user_id__in=user_ids, type=Authenticator.Type.WEBAUTHN, data__rp_id__in=list(rp_ids)
    ).order_by("pk")


def passkeys_of(*, user_id: int, rp_ids: Collection[str]) -> list[Passkey]:
    """The account's passkeys that are good for one of these hosts, oldest first. One statement."""
    return [passkey_from(row) for row in rows(user_ids=[user_id], rp_ids=rp_ids)]


def is_known(*, credential_id: bytes) -> bool:
    """Whether a passkey of this name is registered already, by whomever."""
    return Authenticator.objects.filter(
        type=Authenticator.Type.WEBAUTHN, data__credential__rawId=websafe_encode(credential_id)
    ).exists()


def passkey_keep(*, user_id: int, passkey: NewPasskey, now: datetime) -> Authenticator:
    """Make it one of the account's. Who calls this notes it.

    `data` as a whole is guarded (apps/signin/migrations): host and moment cannot be changed later.
    Other than the library's own this makes no recovery codes: a passkey is not a second factor.
    """
    credential, response = passkey.credential, passkey.credential["response"]
    kept: dict[str, Any] = {key: credential[key] for key in KEPT if key in credential}
    # One spelling, by which it is found: base64 has several.
    kept["id"] = kept["rawId"] = websafe_encode(websafe_decode(credential["rawId"]))
    kept["response"] = {key: response[key] for key in KEPT_OF_RESPONSE if key in response}
    kept["clientExtensionResults"] = {"credProps": {"rk": True}}
    data: dict[str, Any] = {
        "name": passkey.name[:LONGEST_NAME],
        "credential": kept,
        "rp_id": passkey.rp_id,
        "synced": passkey.synced,
        "added_at": now.isoformat(),
    }
    kind = Authenticator.Type.WEBAUTHN
    return Authenticator.objects.create(user_id=user_id, type=kind, data=data)


def facts_of(authenticator: Any) -> dict[str, Any]:
    """What the log says of it: the kind, and of a passkey its name and the host it is good for."""
    facts: dict[str, Any] = {"kind": str(authenticator.type)}
    if authenticator.type == authenticator.Type.WEBAUTHN:
        facts |= {key: authenticator.data.get(key) for key in ("name", "rp_id", "synced")}
    return facts


def passkey_from(row: Authenticator) -> Passkey:
    data: Any = row.wrap().authenticator_data.credential_data
    return Passkey(
        id=row.pk,
        user_id=row.user_id,
        credential_id=bytes(data.credential_id),
        key=data.public_key,
        name=row.data["name"],
        rp_id=row.data["rp_id"],
        synced=row.data["synced"],
        added_at=datetime.fromisoformat(row.data["added_at"]),
    )


def passkey_for(assertion: Assertion, passkeys: Iterable[Passkey]) -> Passkey | None:
    return next((one for one in passkeys if one.credential_id == assertion.credential_id), None)


def campus_hosts() -> list[str]:
    """The host names of the entered campus: what its passkeys are good for."""
    hosts = Domain.objects.filter(campus_id=current_campus_id()).values_list("host", flat=True)
    return sorted(hosts)


def student_passkeys(*, student: Student) -> list[Passkey]:
    """The student's passkeys that are good for a host of the entered campus. Two statements."""
    if student.user_id is None:
        return []
    return passkeys_of(user_id=student.user_id, rp_ids=campus_hosts())


def replacement_challenge(*, message: bytes, public_key: bytes) -> bytes:
    """What a passkey signs to let a new key (SPKI DER) take the place of a lost one.

    `message` is the binding message: nonce, student and device. With the key inside, an assertion
    that was made for one key binds no other.
    """
    key = hashlib.sha256(public_key).hexdigest()
    return hashlib.sha256(b"campus.device.replace.v1\n" + message + f"\n{key}".encode()).digest()
