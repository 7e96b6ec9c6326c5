"""Positions that are too equal, made up, or far from the room."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from apps.checkin.factors.location import MAX_ACCURACY_M
from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.models import FindingKind

# Bands that the factor gives to a fix outside the fence and well beyond its edge.
FAR_BANDS: Final = frozenset({"under_1_km", "over_1_km"})


def same_fixes(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Students whose fixes agree in all eight decimals (about a millimetre).

    Vague fixes are left out: "approximate location" and cell towers give many phones one point.
    """
    at: dict[tuple[Decimal, Decimal], set[int]] = defaultdict(set)
    for one in seen:
        sharp = one.accuracy_m is not None and one.accuracy_m <= MAX_ACCURACY_M
        if sharp and one.latitude is not None and one.longitude is not None:
            at[one.latitude, one.longitude].add(one.student_id)
    for students in at.values():
        if len(students) < 2:
            continue
        for student_id in students:
            others = sorted(students - {student_id})
            yield DetectedFinding(
                student_id=student_id, kind=FindingKind.SAME_FIX, detail={"students": others}
            )


def mocked(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Phones that say themselves that an app made their position up (Android's `isMock`)."""
    for one in seen:
        if one.mocked:
            yield DetectedFinding(student_id=one.student_id, kind=FindingKind.MOCK_LOCATION)


def far_away(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Accepted check-ins whose sharp fix lies at least 200 m from the room."""
    for one in seen:
        if one.accepted and one.far in FAR_BANDS:
            yield DetectedFinding(
                student_id=one.student_id, kind=FindingKind.FAR_AWAY, detail={"distance": one.far}
            )
