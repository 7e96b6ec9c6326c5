"""Browsers that are one browser, and keys that come and go.

A browser is a weaker proof than a phone's own hardware: private windows and second browsers each
hold a key of their own. What they share is the phone: its address, its name for itself, its screen
and its place.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Final

from apps.checkin.factors.location import MAX_ACCURACY_M
from apps.integrity.detectors.base import BoundKey, DetectedFinding, Seen
from apps.integrity.models import FindingKind

WITHIN: Final = timedelta(seconds=60)  # to sign in and check in once more in another window
NEW: Final = timedelta(hours=24)  # a browser that was bound that day
NEAR_M: Final = 5.0  # one phone that asks for its place twice
CHANGED: Final = timedelta(hours=48)  # as long as replacing a device takes without a passkey
FEWEST_KEYS: Final = 2
METRES_PER_DEGREE: Final = 111_320.0  # of latitude (2π · 6,378,137 m ÷ 360)


def same_browsers(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Students whose new browsers look alike and were at one spot within a minute."""
    alike: dict[tuple[str, str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        if _is_new_browser(one):
            alike[one.address, one.agent, one.screen].append(one)
    others: dict[int, set[int]] = defaultdict(set)
    for group in alike.values():
        for place, first in enumerate(group):
            for second in group[place + 1 :]:
                if first.student_id != second.student_id and _together(first, second):
                    others[first.student_id].add(second.student_id)
                    others[second.student_id].add(first.student_id)
    for student_id, students in others.items():
        yield DetectedFinding(
            student_id=student_id,
            kind=FindingKind.SAME_BROWSER,
            detail={"students": sorted(students)},
        )


def _is_new_browser(one: Seen) -> bool:
    if one.at is None or one.browser_bound_at is None or not one.stands:
        return False
    sharp = one.accuracy_m is not None and one.accuracy_m <= MAX_ACCURACY_M
    known = bool(one.address and one.agent and one.screen)
    return known and sharp and one.at - one.browser_bound_at <= NEW


def _together(first: Seen, second: Seen) -> bool:
    if first.at is None or second.at is None or abs(first.at - second.at) > WITHIN:
        return False
    return distance_m(first, second) <= NEAR_M


def distance_m(first: Seen, second: Seen) -> float:
    """Metres between two fixes, on a plane: good to a per mille within a campus.

    Infinite where one of them is missing.
    """
    if first.latitude is None or second.latitude is None:
        return math.inf
    if first.longitude is None or second.longitude is None:
        return math.inf
    north = float(first.latitude - second.latitude) * METRES_PER_DEGREE
    degree = METRES_PER_DEGREE * math.cos(math.radians(float(first.latitude)))
    return math.hypot(north, float(first.longitude - second.longitude) * degree)


def changed_devices(seen: Iterable[Seen], keys: Iterable[BoundKey]) -> Iterator[DetectedFinding]:
    """Check-ins within 48 hours of a change of the device. A new phone does this too."""
    by_student = _by_student(keys)
    for one in seen:
        own = by_student.get(one.student_id, [])
        if not one.stands or one.at is None or len(own) < FEWEST_KEYS:
            continue
        age = one.at - max(key.bound_at for key in own)
        if timedelta(0) <= age <= CHANGED:
            yield DetectedFinding(
                student_id=one.student_id,
                kind=FindingKind.DEVICE_CHANGED,
                detail={"hours": int(age.total_seconds() // 3600)},
            )


def one_class_keys(seen: Iterable[Seen], keys: Iterable[BoundKey]) -> Iterator[DetectedFinding]:
    """Students whose earlier keys served for one class each, at least two of them."""
    here = {one.student_id for one in seen if one.stands}
    for student_id, own in _by_student(keys).items():
        short = [key for key in own if key.released and key.sessions == 1]
        if student_id in here and len(short) >= FEWEST_KEYS:
            yield DetectedFinding(
                student_id=student_id,
                kind=FindingKind.ONE_CLASS_KEYS,
                detail={"keys": len(short)},
            )


def _by_student(keys: Iterable[BoundKey]) -> dict[int, Collection[BoundKey]]:
    by_student: dict[int, list[BoundKey]] = defaultdict(list)
    for key in keys:
        by_student[key.student_id].append(key)
    return dict(by_student)
