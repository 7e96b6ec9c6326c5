"""When a weekly slot happens: pure calendar arithmetic, no database.

A slot is a time on the campus's clock. Where the clocks change, the rules of RFC 5545 (§3.3.5)
hold: a time that occurs twice means the first occurrence, and a time that does not occur is read
with the offset before the gap (02:30 becomes 03:30). Where the change would leave no time between
start and end, the session takes as long as the slot says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.timetable.models import Holiday, WeeklySlot

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
Parity = WeeklySlot.Parity


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One meeting of a slot; the instants are in UTC."""

    slot: WeeklySlot
    on: date
    starts_at: datetime
    ends_at: datetime

    @property
    def week(self) -> date:
        return monday_of(self.on)


def monday_of(on: date) -> date:
    return on - timedelta(days=on.isoweekday() - 1)


def instant(on: date, at: time, zone: ZoneInfo) -> datetime:
    """That time of the campus's clock in UTC; `fold=0` is RFC 5545's choice in both odd cases."""
    return datetime.combine(on, at.replace(fold=0), tzinfo=zone).astimezone(UTC)


def day_starts(on: date, zone: ZoneInfo, *, after: int = 0) -> datetime:
    """Midnight at the beginning of that day, or of the one `after` days later."""
    return instant(on + timedelta(days=after), time.min, zone)


def happens_on(slot: WeeklySlot, on: date) -> bool:
    """Whether weekday, parity, validity and term allow that day. Says nothing about holidays."""
    if slot.weekday != on.isoweekday() or not slot.first_day <= on <= slot.last_day:
        return False
    turn = turn_of(slot)
    return turn is None or turn == week_number(on) % 2


def week_number(on: date) -> int:
    """Weeks (Monday to Sunday) since the beginning of the calendar: New Year is no break."""
    return (on.toordinal() - 1) // 7


def turn_of(slot: WeeklySlot) -> int | None:
    """What the numbers of the slot's weeks leave when divided by 2; None for every week."""
    if slot.parity == Parity.EVERY:
        return None
    return (week_number(slot.course.term.odd_week) + (slot.parity == Parity.EVEN)) % 2


def occurrence(slot: WeeklySlot, on: date, zone: ZoneInfo) -> Occurrence:
    until = on + DAY if slot.is_overnight else on
    starts_at, ends_at = instant(on, slot.starts_at, zone), instant(until, slot.ends_at, zone)
    if ends_at <= starts_at:
        ends_at = starts_at + (
            datetime.combine(until, slot.ends_at) - datetime.combine(on, slot.starts_at)
        )
    return Occurrence(slot=slot, on=on, starts_at=starts_at, ends_at=ends_at)


def occurrences(
    slot: WeeklySlot, *, first: date, last: date, zone: ZoneInfo
) -> Iterator[Occurrence]:
    """Every meeting from the first to the last day, both included, holidays or not."""
    first, last = max(first, slot.first_day), min(last, slot.last_day)
    on = monday_of(first) + timedelta(days=slot.weekday - 1)
    while on <= last:
        if on >= first and happens_on(slot, on):
            yield occurrence(slot, on, zone)
        on += WEEK


def holiday_on(on: date, slot: WeeklySlot, holidays: Iterable[Holiday]) -> Holiday | None:
    """The first of these holidays that covers that day for the slot's course."""
    return next(
        (
            holiday
            for holiday in holidays
            if holiday.first_day <= on <= holiday.last_day and holiday.covers(slot.course)
        ),
        None,
    )
