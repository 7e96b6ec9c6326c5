"""What anybody can recompute: canonical encodings, the chain of digests, signed roots.

No key and no Django in here, so that an export can be checked on a machine that has neither.
Beside the chain of MACs, which only the holder of the master key can follow, runs this one:

    digest(0) = 32 zero bytes
    digest(n) = SHA-256("campus-audit-1" ‖ digest(n-1) ‖ position ‖ id ‖ SHA-256(content) ‖ MAC)

with the position as 8 bytes, big-endian, and the id, a UUID, as 16. A root is the digest at one
position, signed with Ed25519 (RFC 8032) over `ROOT_LABEL` and the canonical JSON of its other
fields.
"""

import hashlib
import json
from typing import Any, Final
from uuid import UUID

STEP_LABEL: Final = b"campus-audit-1"
ROOT_LABEL: Final = b"campus-audit-root-1\n"
START: Final = bytes(32)
GONE: Final = hashlib.sha256(b"").digest()
PLATFORM_CHAIN: Final = "@platform"  # no campus can have this short name


def canonical_json(content: Any) -> bytes:
    """One byte string for one value: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def next_digest(
    previous: bytes, *, position: int, entry_id: UUID, content_sha256: bytes, mac: bytes
) -> bytes:
    """`content_sha256`: of the canonical encoding of the entry as it was written.

    Of nothing (`GONE`), with an empty MAC, where the entry is gone.
    """
    return hashlib.sha256(
        STEP_LABEL
        + previous
        + position.to_bytes(8, "big", signed=True)
        + entry_id.bytes
        + content_sha256
        + mac
    ).digest()


def signed_bytes(root: dict[str, Any]) -> bytes:
    """What the signature of a root is over."""
    fields = {name: value for name, value in root.items() if name != "signature"}
    return ROOT_LABEL + canonical_json(fields)


def root_digest(root: dict[str, Any]) -> str:
    """How the next root names this one (hexadecimal)."""
    return hashlib.sha256(signed_bytes(root)).hexdigest()
