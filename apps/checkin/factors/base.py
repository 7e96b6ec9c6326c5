"""What every factor takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from apps.liveness.judging import Verdict
from apps.signin.assertions import Proof


@dataclass(frozen=True, kw_only=True)
class FactorResult:
    """What one factor says.

    `passed` is None when it could not tell, which is not a failure. `confidence` (0–1) weighs a
    pass. `reason` is a code for translation; `detail` holds facts that may be shown to the student.
    """

    passed: bool | None
    confidence: float = 1.0
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A position as the phone reported it. Degrees, metres, and the fix's age in seconds."""

    latitude: Decimal
    longitude: Decimal
    accuracy_m: float
    age_s: float


@dataclass(frozen=True, kw_only=True)
class BeaconReading:
    """One beacon that the phone heard. RSSI in dBm, 0 (near) to -120 (far)."""

    identifier: str
    rssi: int


@dataclass(frozen=True, kw_only=True)
class JudgedSession:
    """The session as it was opened."""

    id: int
    campus_id: int
    course_id: int
    starts_at: datetime
    ends_at: datetime
    opened_at: datetime
    policy: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Attendee:
    """The student who checks in, with the bound device's key.

    `face_applies`: agreed to faces and has one enrolled. `face_agreed`: agreed at least.
    """

    id: int
    device_id: int | None
    public_key: bytes | None
    face_applies: bool
    face_agreed: bool = False


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the phone sent, and what the server knows of the scan behind it."""

    method: str
    scanned_device_id: int | None
    message: bytes
    signature: bytes
    fix: Fix | None = None
    beacons: tuple[BeaconReading, ...] | None = None
    selfie: bool = False
    passkey: Proof | None = None  # what a passkey's assertion over `message` proves
    face: str = ""  # "", "matched", "not_matched" or why it could not tell
    live: Verdict | None = None  # of the head turns, where some were shown


class Factor(Protocol):
    """A pure function: no database, no clock, no side effect."""

    def __call__(
        self, *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
    ) -> FactorResult: ...
