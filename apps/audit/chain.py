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
from uuid import UUID

from apps.audit.digests import canonical_json
from apps.audit.models import Entry, PlatformEntry, PlatformRedaction, Redaction
from apps.common.crypto import campus_key, older_keys
from apps.common.ids import moment_of

PURPOSE: Final = "audit"
FIRST_LINK: Final = bytes(32)

AnyEntry = Entry | PlatformEntry
AnyRedaction = Redaction | PlatformRedaction


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
    """Whether the entry is as it was written, or as an erasure left it.

    Logs give entries with their `redaction`, where there is one (`services.chains`).
    """
    redaction = redaction_of(entry)
    if redaction is None:
        return _fits(entry, canonical(entry), bytes(entry.mac))
    message = _redacted_message(entry, bytes(redaction.content_sha256))
    return _fits(entry, message, bytes(redaction.mac), at=redaction.pk)


def redaction_of(entry: AnyEntry) -> AnyRedaction | None:
    found: AnyRedaction | None = getattr(entry, "redaction", None)
    return found


def content_sha256(entry: AnyEntry) -> bytes:
    """Of what the entry said when it was written (32 bytes)."""
    redaction = redaction_of(entry)
    if redaction is None:
        return hashlib.sha256(canonical(entry)).digest()
    return bytes(redaction.content_sha256)


def redaction_mac(entry: AnyEntry, first_sha256: bytes) -> bytes:
    """MAC over the entry as it is now, what it was at first, and its own MAC (32 bytes)."""
    return hmac.digest(_key(entry), _redacted_message(entry, first_sha256), "sha256")


def _redacted_message(entry: AnyEntry, first_sha256: bytes) -> bytes:
    return b"redacted" + first_sha256 + bytes(entry.mac) + canonical(entry)


def next_link(previous: bytes, position: int, entry: AnyEntry) -> bytes:
    """Link of the entry at `position`, from the link before it (32 bytes)."""
    return hmac.digest(_key(entry), _link_message(previous, position, entry), "sha256")


def is_next_link(link: bytes, *, previous: bytes, position: int, entry: AnyEntry) -> bool:
    """Whether this link follows from the one before."""
    return _fits(entry, _link_message(previous, position, entry), link)


def _link_message(previous: bytes, position: int, entry: AnyEntry) -> bytes:
    return bytes(previous + position.to_bytes(8, "big") + entry.pk.bytes + entry.mac)


def _fits(entry: AnyEntry, message: bytes, mac: bytes, *, at: UUID | None = None) -> bool:
    """Under the audit key, or under that of a master key that was in force at the entry's time.

    By the time in its id: an entry of today must not be made with a key of yesterday.
    """
    if hmac.compare_digest(mac, hmac.digest(_key(entry), message, "sha256")):
        return True
    keys = older_keys(PURPOSE, entry.campus_id, at=moment_of(at or entry.pk))
    return any(hmac.compare_digest(mac, hmac.digest(key, message, "sha256")) for key in keys)


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
