"""All findings of one session at once."""

from collections.abc import Collection

from apps.integrity.detectors import (
    browsers,
    cards,
    clocks,
    delays,
    devices,
    pairs,
    passkeys,
    photos,
    places,
)
from apps.integrity.detectors.base import Arrival, BoundKey, DetectedFinding, Seen


def findings_of(
    seen: Collection[Seen],
    arrivals: Collection[Arrival],
    keys: Collection[BoundKey] = (),
    uses: Collection[Seen] = (),
) -> list[DetectedFinding]:
    """At most one finding of each kind per student, ordered by student and kind.

    `seen` are the attempts of one session, `arrivals` the accepted ones of its course so far,
    `keys` those of its students, `uses` what passkeys of theirs signed in other sessions then.
    """
    students = {one.student_id for one in seen if one.accepted}
    found = [
        *delays.slow_redeems(seen),
        *places.same_fixes(seen),
        *places.mocked(seen),
        *places.far_away(seen),
        *devices.shared_devices(seen),
        *devices.other_devices(seen),
        *browsers.same_browsers(seen),
        *browsers.changed_devices(seen, keys),
        *browsers.one_class_keys(seen, keys),
        *passkeys.used_in_two_places(seen, uses),
        *cards.lent(seen),
        *clocks.drifting(seen),
        *photos.copied_photos(seen),
        *photos.offline(seen),
        *pairs.together(arrivals, students=students),
    ]
    unique = {(one.student_id, one.kind): one for one in found}
    return [unique[key] for key in sorted(unique)]
