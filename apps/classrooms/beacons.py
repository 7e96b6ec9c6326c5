"""The secret of a rotating beacon: sealed under the campus's key, bound to the beacon's name."""

from typing import Final

from apps.common.crypto import seal
from apps.tenants.scope import current_campus_id

BEACON_SEAL: Final = "beacon-secret"
MIN_SECRET_BYTES: Final = 16


def sealed_beacon_secret(*, identifier: str, secret: bytes) -> bytes:
    """The secret as `Beacon.sealed_secret` keeps it. Good for this identifier only."""
    return seal(BEACON_SEAL, current_campus_id(), secret, context=identifier.encode())
