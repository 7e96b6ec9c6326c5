"""The figures of the start pages: today's sessions, departments, who is below the limit, and what
waits. A few statements each, whatever the campus's size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet

from apps.accounts.viewers import Viewer
from apps.attendance.selectors.not_taken import registers_not_taken
from apps.leave.models import Appeal, LeaveRequest
from apps.leave.selectors import appeals, leaves
from apps.privacy.models import ErasureRequest
from apps.reports.asked import Asked, Filters
from apps.reports.percentages import percentage
from apps.reports.selectors.attendance import grouped
from apps.reports.selectors.risk import defaulters
from apps.reports.tables import Row
from apps.sessions.models import ClassSession

OPEN_SHOWN: Final = 6
DEFAULTERS_SHOWN: Final = 5
WEEK: Final = timedelta(days=7)
Status = ClassSession.Status


@dataclass(frozen=True, kw_only=True)
class Today:
    """The sessions that begin on this day. `not_taken`: nobody opened them, and nobody can now.

    `ahead`: not begun, or still to be opened. `running`: some of the open ones, whenever begun.
    """

    day: date
    open: int
    held: int
    not_taken: int
    ahead: int
    cancelled: int
    running: list[ClassSession]


def today(*, now: datetime, zone: ZoneInfo) -> Today:
    day = now.astimezone(zone).date()
    begin = datetime.combine(day, time.min, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    found = ClassSession.objects.filter(starts_at__gte=begin, starts_at__lt=end).aggregate(
        **{
            status.value: Count("id", filter=Q(status=status))
            for status in (Status.SCHEDULED, Status.COMPLETED, Status.CANCELLED)
        }
    )
    missed = registers_not_taken(now=now, since=begin, starts_at__lt=end).count()
    is_open = ClassSession.objects.filter(status=Status.OPEN)
    running = is_open.select_related("course__subject", "faculty", "classroom__building")
    shown = list(running.order_by("starts_at", "id")[: OPEN_SHOWN + 1])
    return Today(
        day=day,
        open=is_open.count() if len(shown) > OPEN_SHOWN else len(shown),
        held=found["completed"],
        not_taken=missed,
        ahead=max(found["scheduled"] - missed, 0),
        cancelled=found["cancelled"],
        running=shown[:OPEN_SHOWN],
    )


@dataclass(frozen=True, kw_only=True)
class DepartmentLine:
    """Attendance (0–100, None without marks) of seven days, and of the seven before them."""

    id: int
    code: str
    name: str
    now: Decimal | None
    before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """In percentage points."""
        if self.now is None or self.before is None:
            return None
        return self.now - self.before


def departments(*, now: datetime, zone: ZoneInfo) -> list[DepartmentLine]:
    """By the department of the course. Today is the last of the seven days."""
    last = now.astimezone(zone).date()
    this, before = _of_week(now, zone, last), _of_week(now, zone, last - WEEK)
    lines = []
    for key, row in sorted((this | before).items(), key=lambda item: item[1]["group_code"] or ""):
        lines.append(
            DepartmentLine(
                id=key,
                code=row["group_code"],
                name=row["group_name"],
                now=_share(this.get(key)),
                before=_share(before.get(key)),
            )
        )
    return lines


def _of_week(now: datetime, zone: ZoneInfo, last: date) -> dict[int, Row]:
    week = Filters(first=last - WEEK + timedelta(days=1), last=last)
    rows = grouped(_asked(now, zone, week), "department")
    return {row["group_id"]: row for row in rows if row["group_id"] is not None}


def _share(row: Row | None) -> Decimal | None:
    return None if row is None else percentage(row["attended"], row["sessions"])


def _asked(now: datetime, zone: ZoneInfo, filters: Filters) -> Asked:
    return Asked(viewer=Viewer(office=True), now=now, zone=zone, filters=filters)


@dataclass(frozen=True, kw_only=True)
class BelowLimit:
    """Pairs of student and course below the limit: how many, and the worst."""

    number: int
    worst: list[Row]


def below_limit(*, now: datetime, zone: ZoneInfo) -> BelowLimit:
    rows = defaulters(_asked(now, zone, Filters()))
    number = rows.count()
    return BelowLimit(number=number, worst=rows[:DEFAULTERS_SHOWN] if number else [])


@dataclass(frozen=True, kw_only=True)
class WaitingRequests:
    """What waits for an answer, and since when the oldest has. Erasures: to be approved."""

    leaves: int
    appeals: int
    erasures: int
    oldest: datetime | None

    @property
    def number(self) -> int:
        return self.leaves + self.appeals + self.erasures


def waiting_requests(*, with_erasures: bool) -> WaitingRequests:
    """Of the whole campus. Erasures are administrators' alone."""
    leave = _waiting(leaves(status=LeaveRequest.Status.PENDING))
    appeal = _waiting(appeals(status=Appeal.State.OPEN))
    erasures: Mapping[str, Any] = {"number": 0, "oldest": None}
    if with_erasures:
        wait = ErasureRequest.objects.filter(
            status=ErasureRequest.Status.WAITING, needs_approval=True, approved_at__isnull=True
        )
        erasures = _waiting(wait, "asked_at")
    found = (leave, appeal, erasures)
    return WaitingRequests(
        leaves=leave["number"],
        appeals=appeal["number"],
        erasures=erasures["number"],
        oldest=min((one["oldest"] for one in found if one["oldest"]), default=None),
    )


def _waiting(rows: QuerySet[Any], asked: str = "requested_at") -> dict[str, Any]:
    plain = rows.select_related(None).order_by()
    return plain.aggregate(number=Count("pk"), oldest=Min(asked))
