"""Passkeys that are on several devices, used by two people at once."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Final

from apps.checkin.factors.location import MAX_ACCURACY_M
from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.detectors.browsers import distance_m
from apps.integrity.models import FindingKind

WITHIN: Final = timedelta(minutes=5)
APART_M: Final = 200.0  # beyond the edge of any room, and of what two fixes of one phone differ by
FASTEST_M_S: Final = 15.0  # 54 km/h: nobody gets from one place to the other faster


def used_in_two_places(
    seen: Collection[Seen], uses: Collection[Seen] = ()
) -> Iterator[DetectedFinding]:
    """Copyable passkeys used within five minutes in two places that nobody gets between in that
    time, or from two addresses by two devices. `uses` are those in other sessions.

    A phone that changes from Wi-Fi to its own network changes its address, but not what it is.
    """
    by_passkey: dict[int, list[Seen]] = defaultdict(list)
    for one in (*seen, *uses):
        if one.passkey is not None and one.copyable and one.at is not None and not one.offline:
            by_passkey[one.passkey].append(one)
    here = {one.student_id for one in seen}
    for used in by_passkey.values():
        pairs = ((a, b) for place, a in enumerate(used) for b in used[place + 1 :])
        gaps = [_gap(a, b) for a, b in pairs if _gap(a, b) <= WITHIN and _apart(a, b)]
        if gaps and used[0].student_id in here:
            minutes = int(max(gaps).total_seconds() // 60) + 1
            yield DetectedFinding(
                student_id=used[0].student_id,
                kind=FindingKind.SYNCED_PASSKEY,
                detail={"minutes": minutes},
            )


def _gap(first: Seen, second: Seen) -> timedelta:
    assert first.at is not None  # asked by the caller
    assert second.at is not None
    return abs(first.at - second.at)


def _apart(first: Seen, second: Seen) -> bool:
    return _too_far(first, second) or _two_devices(first, second)


def _too_far(first: Seen, second: Seen) -> bool:
    vague = (first.accuracy_m, second.accuracy_m)
    blur = sum(MAX_ACCURACY_M if one is None else one for one in vague)
    if first.latitude is None or second.latitude is None or blur > 2 * MAX_ACCURACY_M:
        return False
    reach = max(APART_M, FASTEST_M_S * _gap(first, second).total_seconds())
    return distance_m(first, second) - blur > reach


def _two_devices(first: Seen, second: Seen) -> bool:
    """Two addresses, and two kinds of browser or screen."""
    known = all((first.address, second.address, first.agent, second.agent))
    other_device = (first.agent, first.screen) != (second.agent, second.screen)
    return known and first.address != second.address and other_device
