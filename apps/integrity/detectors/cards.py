"""Cards that were read in the room while their owner's phone was elsewhere."""

from collections.abc import Collection, Iterator

from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.detectors.places import FAR_BANDS
from apps.integrity.models import FindingKind


def lent(seen: Collection[Seen]) -> Iterator[DetectedFinding]:
    """Students whose card was read, and whose phone tried the same session from afar.

    Together with the distance it is a flag: who lends a card and is away has both. A phone that
    was left at home tries nothing.
    """
    read = {one.student_id for one in seen if one.by_card and one.stands}
    far = {one.student_id for one in seen if one.far in FAR_BANDS and not one.by_card}
    for student_id in sorted(read & far):
        yield DetectedFinding(student_id=student_id, kind=FindingKind.CARD_AND_PHONE)
