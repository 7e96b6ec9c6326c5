"""Bluetooth: did the phone hear a beacon of the room? Soft evidence."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from apps.checkin.factors.base import Attendee, BeaconReading, Evidence, FactorResult, JudgedSession
from apps.classrooms.beacons import BEACON_SEAL
from apps.common.crypto import unseal

ROTATION_S: Final = 30
ROTATIONS_ACCEPTED: Final = (0, -1, 1)  # clocks of beacons drift
IDENTIFIER_DIGITS: Final = 32  # hexadecimal: 128 bits, the size of an iBeacon UUID
STRONG_RSSI: Final = -65  # dBm, about the same room
WEAK_CONFIDENCE: Final = 0.7


def rotating_identifier(secret: bytes, rotation: int) -> str:
    """What a rotating beacon sends in its `rotation`-th 30 seconds since the Unix epoch."""
    mac = hmac.new(secret, rotation.to_bytes(8, "big"), hashlib.sha256)
    return mac.hexdigest()[:IDENTIFIER_DIGITS]


def expected_identifiers(
    beacon: Mapping[str, Any], *, campus_id: int, now: datetime
) -> frozenset[str]:
    """The identifiers that this beacon may send around `now`, in lower case."""
    if not beacon.get("sealed_secret"):
        return frozenset({beacon["identifier"].lower()})
    secret = unseal(
        BEACON_SEAL,
        campus_id,
        b64decode(beacon["sealed_secret"]),
        context=beacon["identifier"].encode(),
    )
    rotation = int(now.timestamp()) // ROTATION_S
    return frozenset(rotating_identifier(secret, rotation + by) for by in ROTATIONS_ACCEPTED)


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Passes when a beacon of the room was heard loud enough; no scan at all cannot tell."""
    if evidence.beacons is None:
        return FactorResult(passed=None, reason="no_scan")
    best: BeaconReading | None = None
    for beacon in session.policy["beacons"]:
        expected = expected_identifiers(beacon, campus_id=session.campus_id, now=now)
        for reading in evidence.beacons:
            heard = reading.identifier.lower() in expected and reading.rssi >= beacon["min_rssi"]
            if heard and (best is None or reading.rssi > best.rssi):
                best = reading
    if best is None:
        return FactorResult(passed=False, reason="not_heard")
    confidence = 1.0 if best.rssi >= STRONG_RSSI else WEAK_CONFIDENCE
    return FactorResult(
        passed=True, confidence=confidence, reason="heard", detail={"rssi": best.rssi}
    )
