"""Keys derived from `settings.BACKUP_KEY`, which is not the master key.

A backup holds what the master key seals, so one stolen key must not open both.
"""

import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from apps.backup.errors import BackupFailed
from apps.common.crypto import KEY_BYTES, fingerprint

_CONTENT_NAMES: Final = b"campus-backup/v1/content-names"
_FILES: Final = b"campus-backup/v1/file"
_SIGNING: Final = b"campus-backup/v1/manifest"
_CHECK: Final = b"campus-backup/v1/key-check"


def _derive(info: bytes, *, salt: bytes | None = None) -> bytes:
    master: bytes = settings.BACKUP_KEY
    if len(master) != KEY_BYTES:
        raise BackupFailed(
            "BACKUP_KEY is not set: 64 hexadecimal digits that seal the backups. "
            "Keep a copy away from this machine."
        )
    if hmac.compare_digest(master, settings.CAMPUS_MASTER_KEY):
        raise BackupFailed("BACKUP_KEY is the same as CAMPUS_MASTER_KEY: make another one.")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(master)


def file_key(salt: bytes) -> bytes:
    """The key of one file of a backup: each has a random salt of its own."""
    return _derive(_FILES, salt=salt)


def content_name(digest: bytes) -> str:
    """Where the object with this SHA-256 lies: says nothing to who does not have the key."""
    return hmac.new(_derive(_CONTENT_NAMES), digest, "sha256").hexdigest()


def key_fingerprint() -> str:
    """For people to compare, as that of the master key."""
    return fingerprint(_derive(_CHECK))


def sign(message: bytes) -> bytes:
    """Ed25519, 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(_derive(_SIGNING)).sign(message)


def is_signed(message: bytes, signature: bytes) -> bool:
    key = Ed25519PrivateKey.from_private_bytes(_derive(_SIGNING)).public_key()
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
