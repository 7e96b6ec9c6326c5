"""Phones whose own time does not fit the code that they say they scanned offline."""

from collections.abc import Iterable, Iterator
from typing import Final

from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.models import FindingKind
from apps.qr_otp.tokens import QR_PERIOD

WINDOWS: Final = 2  # either side of the code's own window


def fits(drift_s: float) -> bool:
    """Whether the phone's time lies in the code's window or at most two windows from it.

    `drift_s` counts from the start of the window, in seconds.
    """
    return -WINDOWS * QR_PERIOD <= drift_s <= (1 + WINDOWS) * QR_PERIOD


def drifting(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """A wrong clock, or a code that was shown to the phone later than it stood on the screen."""
    for one in seen:
        if one.drift_s is not None and not fits(one.drift_s):
            detail = {"drift_s": round(one.drift_s)}
            yield DetectedFinding(
                student_id=one.student_id, kind=FindingKind.CLOCK_DRIFT, detail=detail
            )
