"""All findings of one session at once."""

from collections.abc import Collection

from apps.integrity.detectors import clocks, delays, devices, pairs, photos, places
from apps.integrity.detectors.base import Arrival, DetectedFinding, Seen


def findings_of(seen: Collection[Seen], arrivals: Collection[Arrival]) -> list[DetectedFinding]:
    """At most one finding of each kind per student, ordered by student and kind.

    `seen` are the attempts of one session, `arrivals` the accepted ones of its course so far.
    """
    students = {one.student_id for one in seen if one.accepted}
    found = [
        *delays.slow_redeems(seen),
        *places.same_fixes(seen),
        *places.mocked(seen),
        *places.far_away(seen),
        *devices.shared_devices(seen),
        *devices.other_devices(seen),
        *clocks.drifting(seen),
        *photos.copied_photos(seen),
        *photos.offline(seen),
        *pairs.together(arrivals, students=students),
    ]
    unique = {(one.student_id, one.kind): one for one in found}
    return [unique[key] for key in sorted(unique)]
