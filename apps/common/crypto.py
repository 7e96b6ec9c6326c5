"""Keys per campus and purpose, and authenticated encryption under them.

One master key (`settings.CAMPUS_MASTER_KEY`, 32 bytes) never touches data: HKDF-SHA-256
(RFC 5869) derives a key for each (purpose, campus, generation), so that a leaked key opens one
kind of data of one campus, and re-issuing a key is counting its generation up.
"""

import hashlib
import hmac
import os
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


@lru_cache(maxsize=4096)
def _derive(master: bytes, purpose: str, campus_id: int, generation: int) -> bytes:
    info = f"campus/{campus_id}/{purpose}/{generation}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


def campus_key(purpose: str, campus_id: int, *, generation: int = 1) -> bytes:
    """The 32-byte key of one campus for one purpose. Never stored, never logged."""
    return _derive(settings.CAMPUS_MASTER_KEY, purpose, campus_id, generation)


def seal(purpose: str, campus_id: int, plaintext: bytes, *, context: bytes = b"") -> bytes:
    """Encrypt with AES-256-GCM; `context` is authenticated with it but not stored.

    Returns nonce (12 bytes) + ciphertext + tag (16 bytes).
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(campus_key(purpose, campus_id)).encrypt(nonce, plaintext, context)


def unseal(purpose: str, campus_id: int, sealed: bytes, *, context: bytes = b"") -> bytes:
    """Decrypt what `seal` wrote; raises `SealBroken` unless every byte and the context match."""
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return AESGCM(campus_key(purpose, campus_id)).decrypt(nonce, body, context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(purpose) from error


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
