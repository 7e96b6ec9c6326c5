"""What a passkey signs (WebAuthn level 2, §6.1 and §7.2), read and checked. Pure."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from apps.common.signatures import decode_base64
from apps.common.strict_json import UnreadableJSON, loads

HASH_BYTES: Final = 32
SHORTEST: Final = HASH_BYTES + 1 + 4  # hash of the RP id, flags, counter
PRESENT: Final = 0x01
VERIFIED: Final = 0x04
BACKUP_ELIGIBLE: Final = 0x08
BACKED_UP: Final = 0x10
SIGNS: Final = "webauthn.get"
ADDS: Final = "webauthn.create"
LOCAL: Final = ".localhost"  # browsers trust it without TLS, and so it is for development


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """What the browser answers. `client_data` are the bytes of `clientDataJSON`."""

    credential_id: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A registered passkey. `key` has `verify(message, signature)`, which raises.

    `rp_id` is the host name that it is good for. `synced`: it may be copied to other devices of
    its owner (backup-eligible).
    """

    id: int
    user_id: int
    credential_id: bytes
    key: Any
    name: str
    rp_id: str
    synced: bool
    added_at: datetime


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What an assertion proves; with a `problem` nothing.

    `user_verified`: the device checked its user, by face, finger or its screen lock. `counter`
    grows with each use of one device's passkey; synced ones say 0. `went_back`: it was not above
    the last one seen. `too_new`: added after another device or passkey, less than 48 hours ago.
    """

    problem: str = ""
    passkey_id: int | None = None
    user_verified: bool = False
    synced: bool = False
    counter: int = 0
    went_back: bool = False
    too_new: bool = False

    @property
    def copyable(self) -> bool:
        """Whether another device may hold it too: it is synced, or its counter says so."""
        return self.synced or self.went_back


def assertion_proof(
    *, assertion: Assertion, passkey: Passkey | None, challenge: bytes, rp_id: str
) -> Proof:
    """Check an assertion over `challenge` by this passkey, made on a page of the host `rp_id`.

    Never raises. `problem`: unknown_passkey, other_host, other_challenge, not_present,
    bad_assertion.
    """
    if passkey is None:
        return Proof(problem="unknown_passkey")
    data = assertion.authenticator_data
    if len(data) < SHORTEST:
        return Proof(problem="bad_assertion", passkey_id=passkey.id)
    flags, counter = data[HASH_BYTES], int.from_bytes(data[HASH_BYTES + 1 : SHORTEST], "big")
    problem = (
        _host_problem(data[:HASH_BYTES], passkey, rp_id)
        or _client_problem(assertion.client_data, challenge=challenge, rp_id=rp_id)
        or ("" if flags & PRESENT else "not_present")
        or ("" if _verifies(passkey, assertion) else "bad_assertion")
    )
    return Proof(
        problem=problem,
        passkey_id=passkey.id,
        user_verified=bool(flags & VERIFIED),
        synced=passkey.synced or bool(flags & (BACKUP_ELIGIBLE | BACKED_UP)),
        counter=counter,
    )


def _host_problem(rp_id_hash: bytes, passkey: Passkey, rp_id: str) -> str:
    same = hmac.compare_digest(rp_id_hash, hashlib.sha256(rp_id.encode()).digest())
    return "" if same and passkey.rp_id == rp_id else "other_host"


def page_problem(raw: bytes, *, purpose: str, rp_id: str) -> str:
    """What is wrong with where the browser says that this was made: bad_assertion, other_host; "".

    Exactly the host of the passkey, in no frame of another page. WebAuthn lets the pages of every
    name below the host use its passkeys, and that may be another campus's.
    """
    try:
        said = loads(raw.decode())
        origin = urlsplit(said["origin"])
        host, scheme, made_for = origin.hostname, origin.scheme, said["type"]
        framed = said.get("crossOrigin", False) or said.get("topOrigin")
    except (UnreadableJSON, ValueError, KeyError, TypeError, AttributeError):
        return "bad_assertion"
    if made_for != purpose or framed:
        return "bad_assertion"
    if host != rp_id or not (scheme == "https" or f".{host}".endswith(LOCAL)):
        return "other_host"
    return ""


def _client_problem(raw: bytes, *, challenge: bytes, rp_id: str) -> str:
    """What the browser says of the page, and the challenge that it signed."""
    problem = page_problem(raw, purpose=SIGNS, rp_id=rp_id)
    if problem:
        return problem
    try:
        signed = decode_base64(loads(raw.decode())["challenge"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "bad_assertion"
    return "" if hmac.compare_digest(signed, challenge) else "other_challenge"


def _verifies(passkey: Passkey, assertion: Assertion) -> bool:
    message = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    try:
        passkey.key.verify(message, assertion.signature)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return False
    return True
