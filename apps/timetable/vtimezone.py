"""A time zone as iCalendar declares it, for the days that a file covers.

Every change of the clocks stands there by its own date (RFC 5545 §3.6.5): the rules of a zone
change from year to year, and a file that says only what it needs stays right.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

DAY = timedelta(days=1)
# Declared beyond what is needed: some programs keep a zone by its name and read later files by it.
MARGIN = timedelta(days=400)
SECOND = timedelta(seconds=1)


def time_zone_component(zone: ZoneInfo, *, first: datetime, last: datetime) -> Timezone:
    """The zone from over a year before the first instant to over a year after the last."""
    begin = (first - MARGIN).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    component = Timezone()
    component.add("tzid", zone.key)
    component.add_component(_observance(begin, begin, zone))
    for change in _changes(zone, begin, last + MARGIN):
        component.add_component(_observance(change - SECOND, change, zone))
    return component


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The instants, to the second, from which another offset holds."""
    while begin < end:
        after = begin + DAY
        if _offset(begin, zone) != _offset(after, zone):
            yield _first_second(zone, begin, after)
        begin = after


def _first_second(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second with the offset of `after`, by halving."""
    wanted = _offset(after, zone)
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        if _offset(middle, zone) == wanted:
            after = middle
        else:
            before = middle
    return after


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _observance(
    before: datetime, at: datetime, zone: ZoneInfo
) -> TimezoneStandard | TimezoneDaylight:
    """What holds from `at` on. Its start is told on the clock as it stood `before`."""
    local = at.astimezone(zone)
    component = TimezoneDaylight() if local.dst() else TimezoneStandard()
    old = _offset(before, zone)
    component.add("dtstart", (at + old).replace(tzinfo=None))
    component.add("tzoffsetfrom", old)
    component.add("tzoffsetto", _offset(at, zone))
    component.add("tzname", local.tzname())
    return component
