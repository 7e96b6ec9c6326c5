"""Secrets and signatures as Standard Webhooks 1.0.0 has them (standardwebhooks.com)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32  # the specification: 24 to 64


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """As receivers get it, and as their libraries read it."""
    return PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, *, message_id: str, seconds: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    signed = b".".join((message_id.encode(), str(seconds).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def headers_of(
    keys: Iterable[bytes], *, message_id: str, seconds: int, body: bytes
) -> dict[str, str]:
    """One signature for each secret that is good now: a receiver needs to know one of them."""
    signed = (signature(key, message_id=message_id, seconds=seconds, body=body) for key in keys)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Campus-Webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signed),
    }
