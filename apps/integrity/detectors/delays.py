"""Who scanned much later than the class: a code that travelled by chat or video arrives late."""

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final

from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.models import FindingKind

DEVIATIONS: Final = 3  # MADs above the median (docs/attacks.md)
FEWEST: Final = 5  # students: of fewer the median says little
# A class that scans within a blink has a tiny MAD, and then any network makes somebody "late".
LEAST_MAD_MS: Final = 250


def limit_ms(delays: list[int]) -> float | None:
    """The class's median + 3 × MAD (median absolute deviation, unscaled); None for few delays."""
    if len(delays) < FEWEST:
        return None
    middle = median(delays)
    mad = median(abs(delay - middle) for delay in delays)
    return middle + DEVIATIONS * max(mad, LEAST_MAD_MS)


def slow_redeems(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Accepted check-ins by QR code whose redeem came later than the class's limit.

    Only a student's quickest redeem counts: a retry is not slow because it is a retry.
    """
    quickest: dict[int, int] = {}
    for one in seen:
        if one.accepted and one.delay_ms is not None:
            known = quickest.get(one.student_id, one.delay_ms)
            quickest[one.student_id] = min(known, one.delay_ms)
    limit = limit_ms(list(quickest.values()))
    if limit is None:
        return
    for student_id, delay in quickest.items():
        if delay > limit:
            detail = {"delay_ms": delay, "limit_ms": round(limit), "class": len(quickest)}
            yield DetectedFinding(
                student_id=student_id, kind=FindingKind.SLOW_REDEEM, detail=detail
            )
