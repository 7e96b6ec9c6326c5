"""What the detectors look at, and what they find."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.integrity.models import FindingKind


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One check-in attempt of a session, accepted, refused or waiting.

    `delay_ms` counts from the start of the code's window to its redeem; None for typed and offline
    codes. `drift_s` is the phone's clock minus the start of the code's window, of offline
    check-ins. `signed_by` is the student whose device signed it instead of the own one.
    `agent` and `screen` are what a browser says of itself; `browser_bound_at` is when its key was
    bound, None for apps. `passkey` is the one that signed, of this student; `copyable`: it may be
    on several devices.
    """

    student_id: int
    accepted: bool = True  # or waiting: somebody should see what was noticed
    stands: bool = True  # not refused: it may count
    reason: str = ""
    delay_ms: int | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    accuracy_m: float | None = None
    far: str = ""  # the distance band, where the place was judged to be outside
    mocked: bool = False
    drift_s: float | None = None
    signed_by: int | None = None
    offline: bool = False
    at: datetime | None = None
    address: str = ""
    agent: str = ""
    screen: str = ""
    browser_bound_at: datetime | None = None
    passkey: int | None = None
    copyable: bool = False
    by_card: bool = False


@dataclass(frozen=True, kw_only=True)
class BoundKey:
    """A device or browser that is, or was, bound to a student, and in how many sessions it was
    used since the retention of attempts began."""

    student_id: int
    bound_at: datetime
    released: bool
    sessions: int


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One accepted check-in of a course: who came when, from which address."""

    session_id: int
    student_id: int
    at: datetime
    address: str


@dataclass(frozen=True, kw_only=True)
class DetectedFinding:
    """One finding about one student, with the facts behind it (no coordinates, no addresses)."""

    student_id: int
    kind: FindingKind
    detail: Mapping[str, Any] = field(default_factory=dict)
