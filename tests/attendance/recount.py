"""A summary's counters, computed from the marks themselves."""

from dataclasses import dataclass
from decimal import Decimal

from apps.attendance.models import AttendanceRecord, CountsAs, Status
from apps.attendance.models.status import MEANING_COUNTS_AS


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A summary's counters, computed from the records themselves."""

    total: int
    attended: int
    late: int
    absent: int
    excused: int
    percentage: Decimal


def recomputed_counts(*, student_id: int, course_id: int) -> Counts:
    """The source of truth that the triggers' summary must equal at all times."""
    rows = list(
        AttendanceRecord.objects.filter(student_id=student_id, course_id=course_id).values_list(
            "status", "label__counts_as"
        )
    )
    statuses = [status for status, _own in rows]
    counted = [own or MEANING_COUNTS_AS[status] for status, own in rows]
    attended = counted.count(CountsAs.ATTENDED)
    total = attended + counted.count(CountsAs.MISSED)
    percentage = Decimal(100 * attended) / total if total else Decimal(0)
    return Counts(
        total=total,
        attended=attended,
        late=statuses.count(Status.LATE),
        absent=statuses.count(Status.ABSENT),
        excused=statuses.count(Status.EXCUSED),
        percentage=percentage.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP"),
    )
