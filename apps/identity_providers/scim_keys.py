"""What a directory's key looks like: `scim_<12 characters>_<43 characters>`.

The row is found by the first part and proven by the second, of which the SHA-256 is kept: 256
random bits need no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Final

from apps.identity_providers.models import ScimClient

_SHAPE: Final = re.compile(r"scim_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


def new_key() -> tuple[str, bytes, str]:
    """Its beginning, its digest, and the whole, which is kept nowhere."""
    lookup, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return lookup, _digest(secret), f"scim_{lookup}_{secret}"


def client_found(*, text: str) -> ScimClient | None:
    """Whose key this is; None for any other text."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    client = ScimClient.objects.filter(lookup=found[1], revoked_at=None).first()
    if client is None or not hmac.compare_digest(bytes(client.digest), _digest(found[2])):
        return None
    return client


def is_due_to_note(client: ScimClient, now: datetime) -> bool:
    """When it was used is written once a minute."""
    return client.last_used_at is None or (now - client.last_used_at).total_seconds() >= 60


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
