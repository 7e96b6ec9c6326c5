"""A summary's counters, computed from the marks themselves."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

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
    first: date | None
    last: date | None


def recomputed_counts(*, student_id: int, course_id: int) -> Counts:
    """The source of truth that the triggers' summary must equal at all times."""
    rows = list(
        AttendanceRecord.objects.filter(student_id=student_id, course_id=course_id).values_list(
            "status", "label__counts_as", "session__starts_at", "campus__time_zone"
        )
    )
    statuses = [status for status, _own, _at, _zone in rows]
    counted = [own or MEANING_COUNTS_AS[status] for status, own, _at, _zone in rows]
    attended_on = [
        at.astimezone(ZoneInfo(zone)).date()
        for (_status, _own, at, zone), counts_as in zip(rows, counted, strict=True)
        if counts_as == CountsAs.ATTENDED
    ]
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
        first=min(attended_on, default=None),
        last=max(attended_on, default=None),
    )
