"""The arithmetic of the chain: canonical encoding, entry MACs and links (HMAC-SHA-256).

Each entry carries a MAC over its own content from the moment it is written, so that a change is
seen at once. A single sealer then gives the entries their places, link by link, so that a removed
or reordered entry is seen too, without every writer of a campus waiting for the one before it.
"""

import hashlib
import hmac
import json
from datetime import UTC
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Final

from apps.audit.digests import canonical_json
from apps.audit.models import Entry, PlatformEntry
from apps.common.crypto import campus_key

PURPOSE: Final = "audit"
FIRST_LINK: Final = bytes(32)

AnyEntry = Entry | PlatformEntry


def content_of(entry: AnyEntry) -> dict[str, Any]:
    """Everything that the MAC vouches for; the id too, so that a copy of an entry is none."""
    return {
        "id": str(entry.pk),
        "campus": entry.campus_id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id,
        "actor_label": entry.actor_label,
        "address": _one_spelling(entry.address),
        "user_agent": entry.user_agent,
        "action": entry.action,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "data": entry.data,
    }


def _one_spelling(address: str | None) -> str | None:
    """PostgreSQL gives `::102:304` back as `::1.2.3.4`; the MAC is over one spelling of both."""
    return None if address is None else str(ip_address(address))


def canonical(entry: AnyEntry) -> bytes:
    """The entry's content as one unambiguous byte string (JSON, sorted keys, UTC, UTF-8)."""
    return canonical_json(content_of(entry))


def entry_mac(entry: AnyEntry) -> bytes:
    """MAC of one entry's content under its campus's, or the platform's, audit key (32 bytes)."""
    return hmac.new(_key(entry), canonical(entry), hashlib.sha256).digest()


def is_genuine(entry: AnyEntry) -> bool:
    """Whether the entry is as it was written."""
    return hmac.compare_digest(bytes(entry.mac), entry_mac(entry))


def next_link(previous: bytes, position: int, entry: AnyEntry) -> bytes:
    """Link of the entry at `position`, from the link before it (32 bytes)."""
    message = previous + position.to_bytes(8, "big") + entry.pk.bytes + entry.mac
    return hmac.new(_key(entry), message, hashlib.sha256).digest()


def as_stored(data: dict[str, Any]) -> dict[str, Any]:
    """The data as PostgreSQL will give it back: its numbers know no exponents and no -0.

    The MAC is over what is read, not over what was written.
    """
    kept: dict[str, Any] = json.loads(json.dumps(data), parse_float=_number)
    return kept


def _number(text: str) -> int | float:
    return int(Decimal(text)) if "e+" in text else float(text) + 0.0


def _key(entry: AnyEntry) -> bytes:
    return campus_key(PURPOSE, entry.campus_id)
