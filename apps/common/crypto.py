"""Keys per campus and purpose, and authenticated encryption under them.

One master key (`settings.CAMPUS_MASTER_KEY`, 32 bytes) never touches data: HKDF-SHA-256
(RFC 5869) derives a key for each (purpose, campus, generation), so that a leaked key opens one
kind of data of one campus, and re-issuing a key is counting its generation up.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES: Final = 32
PLATFORM: Final = 0  # in the place of a campus's id, for what belongs to none
NONCE_BYTES: Final = 12  # NIST SP 800-38D, §8.2


class SealBroken(ValueError):
    """The bytes were changed, or were sealed under another key, campus, purpose or context."""


@dataclass(frozen=True)
class OlderKey:
    """A master key that was replaced; what was made under it ends at `until` (None: not yet)."""

    master: bytes
    until: datetime | None


_older: Callable[[], Sequence[OlderKey]] = tuple


@lru_cache(maxsize=4096)
def _derive(master: bytes, purpose: str, campus_id: int, generation: int) -> bytes:
    info = f"campus/{campus_id}/{purpose}/{generation}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


def campus_key(purpose: str, campus_id: int, *, generation: int = 1) -> bytes:
    """The 32-byte key of one campus for one purpose. Never stored, never logged."""
    return _derive(settings.CAMPUS_MASTER_KEY, purpose, campus_id, generation)


def key_under(master: bytes, purpose: str, campus_id: int, *, generation: int = 1) -> bytes:
    """The same under this very master key."""
    return _derive(master, purpose, campus_id, generation)


def seal(purpose: str, campus_id: int, plaintext: bytes, *, context: bytes = b"") -> bytes:
    """Encrypt with AES-256-GCM; `context` is authenticated with it but not stored.

    Returns nonce (12 bytes) + ciphertext + tag (16 bytes).
    """
    return seal_under(settings.CAMPUS_MASTER_KEY, purpose, campus_id, plaintext, context=context)


def seal_under(
    master: bytes, purpose: str, campus_id: int, plaintext: bytes, *, context: bytes = b""
) -> bytes:
    """As `seal`, under this very master key."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_derive(master, purpose, campus_id, 1)).encrypt(nonce, plaintext, context)


def unseal(purpose: str, campus_id: int, sealed: bytes, *, context: bytes = b"") -> bytes:
    """Decrypt what `seal` wrote; raises `SealBroken` unless every byte and the context match.

    While the master key is being replaced, what the one before sealed is read too.
    """
    for master in filter(None, (settings.CAMPUS_MASTER_KEY, settings.CAMPUS_OLD_MASTER_KEY)):
        try:
            return unseal_under(master, purpose, campus_id, sealed, context=context)
        except SealBroken as error:
            broken = error
    raise broken


def unseal_under(
    master: bytes, purpose: str, campus_id: int, sealed: bytes, *, context: bytes = b""
) -> bytes:
    """Decrypt what was sealed under this very master key. Raises `SealBroken`."""
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    key = _derive(master, purpose, campus_id, 1)
    try:
        return AESGCM(key).decrypt(nonce, body, context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(purpose) from error


def resealed(purpose: str, campus_id: int, sealed: bytes, *, context: bytes = b"") -> bytes | None:
    """The same under the current master key; None where it is. Raises `SealBroken`."""
    try:
        unseal_under(settings.CAMPUS_MASTER_KEY, purpose, campus_id, sealed, context=context)
    except SealBroken:
        plain = unseal(purpose, campus_id, sealed, context=context)
        return seal(purpose, campus_id, plain, context=context)
    return None


def set_older_keys(load: Callable[[], Sequence[OlderKey]]) -> None:
    """Who knows the master keys that were replaced: a function, asked only when one is needed."""
    global _older
    _older = load


def older_keys(
    purpose: str, campus_id: int, *, at: datetime | None = None, generation: int = 1
) -> Iterator[bytes]:
    """The same key under master keys that were replaced, newest first.

    For what cannot be sealed anew: MACs and hashes of what nobody keeps. `at`: when it was made;
    keys that were replaced before are left out.
    """
    for older in _older():
        if at is None or older.until is None or at <= older.until:
            yield _derive(older.master, purpose, campus_id, generation)


def unseal_older(
    purpose: str, campus_id: int, sealed: bytes, *, context: bytes, at: datetime
) -> bytes:
    """Decrypt what cannot be sealed anew, also under a master key that was in force at its time.

    Raises `SealBroken`.
    """
    try:
        return unseal(purpose, campus_id, sealed, context=context)
    except SealBroken as error:
        broken = error
    for key in older_keys(purpose, campus_id, at=at):
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            continue
    raise broken


def check_value(master: bytes) -> bytes:
    """What may be stored to recognise a master key again (32 bytes).

    Derived like every other key and used for nothing else: HKDF's outputs tell nothing about one
    another, nor about the random key that they come from.
    """
    return _derive(master, "key-check", PLATFORM, 1)


def fingerprint(value: bytes) -> str:
    """The first 64 bits of a check value, for people to compare: A1B2-C3D4-E5F6-0718."""
    digits = value[:8].hex().upper()
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def keyed_hash(purpose: str, campus_id: int, message: bytes) -> bytes:
    """HMAC-SHA-256 (32 bytes) under the campus's key for this purpose."""
    return hmac.new(campus_key(purpose, campus_id), message, hashlib.sha256).digest()
