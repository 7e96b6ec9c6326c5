"""The arithmetic of the chain: canonical encoding, entry MACs and links (HMAC-SHA-256).

Each entry carries a MAC over its own content from the moment it is written, so that a change is
seen at once. A single sealer then gives the entries their places, link by link, so that a removed
or reordered entry is seen too, without every writer of a campus waiting for the one before it.
"""

import hashlib
import hmac
import json
from datetime import UTC
from typing import Final

from apps.audit.models import Entry
from apps.common.crypto import campus_key

PURPOSE: Final = "audit"
FIRST_LINK: Final = bytes(32)


def canonical(entry: Entry) -> bytes:
    """The entry's content as one unambiguous byte string (JSON, sorted keys, UTC, UTF-8)."""
    content = {
        "campus": entry.campus_id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id,
        "actor_label": entry.actor_label,
        "address": entry.address,
        "user_agent": entry.user_agent,
        "action": entry.action,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "data": entry.data,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def entry_mac(entry: Entry) -> bytes:
    """MAC of one entry's content under the campus's audit key (32 bytes)."""
    return hmac.new(_key(entry), canonical(entry), hashlib.sha256).digest()


def next_link(previous: bytes, position: int, entry: Entry) -> bytes:
    """Link of the entry at `position`, from the link before it (32 bytes)."""
    message = previous + position.to_bytes(8, "big") + entry.pk.to_bytes(8, "big") + entry.mac
    return hmac.new(_key(entry), message, hashlib.sha256).digest()


def _key(entry: Entry) -> bytes:
    return campus_key(PURPOSE, entry.campus_id)
