"""Photos that were not taken now, and check-ins that were sent later."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from apps.checkin.models import Reason
from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.models import FindingKind

COPIED: Final = frozenset({Reason.ENROLLED_PHOTO, Reason.OTHERS_PHOTO})


def copied_photos(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """An enrolled photo, or one that somebody else sent: phones take no such photo by accident.

    A photo of one's own that is sent again is refused and no finding: apps do that.
    """
    tries = Counter(one.student_id for one in seen if one.reason in COPIED)
    for student_id, count in tries.items():
        yield DetectedFinding(
            student_id=student_id, kind=FindingKind.COPIED_PHOTO, detail={"tries": count}
        )


def offline(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Students who checked in without network. Weighs nothing: it says how the mark came to be."""
    for student_id in {one.student_id for one in seen if one.offline and one.stands}:
        yield DetectedFinding(student_id=student_id, kind=FindingKind.OFFLINE)
