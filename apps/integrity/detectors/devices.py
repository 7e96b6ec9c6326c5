"""One device for several students, and attempts with a device that is not the bound one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from apps.checkin.models import Reason
from apps.integrity.detectors.base import DetectedFinding, Seen
from apps.integrity.models import FindingKind

OTHER_DEVICE: Final = frozenset({Reason.OTHER_DEVICE, Reason.BAD_SIGNATURE})


def shared_devices(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """A device signed for somebody else: said of both, whose account and whose device it was."""
    with_whom: dict[int, set[int]] = defaultdict(set)
    for one in seen:
        if one.signed_by is not None and one.signed_by != one.student_id:
            with_whom[one.student_id].add(one.signed_by)
            with_whom[one.signed_by].add(one.student_id)
    for student_id, others in with_whom.items():
        detail = {"students": sorted(others)}
        yield DetectedFinding(student_id=student_id, kind=FindingKind.SHARED_DEVICE, detail=detail)


def other_devices(seen: Iterable[Seen]) -> Iterator[DetectedFinding]:
    """Attempts that were refused because of the device; a new phone does this too."""
    tries = Counter(
        one.student_id for one in seen if one.reason in OTHER_DEVICE and one.signed_by is None
    )
    for student_id, count in tries.items():
        yield DetectedFinding(
            student_id=student_id, kind=FindingKind.OTHER_DEVICE, detail={"tries": count}
        )
