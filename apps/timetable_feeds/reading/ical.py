"""iCalendar (RFC 5545): `VEVENT` with UID, DTSTART, DTEND or DURATION, SUMMARY, LOCATION, STATUS,
and their recurrences (RRULE, RDATE, EXDATE, RECURRENCE-ID) within the days that are covered.

The summary names the course or the courses; a cancelled event is one that is not said. Times
without a zone are the campus's own. Events of whole days are no lessons.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar
from icalendar.error import BrokenCalendarProperty
from icalendar.prop import vRecur

from apps.timetable_feeds.reading.rows import (
    DAY,
    FeedRow,
    FileRows,
    Options,
    Unreadable,
    decoded,
    short,
)

FREQUENCIES: Final = frozenset(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
FINE: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")  # many times within a day: no timetable
MOST_DATES: Final = 1000  # RDATE and EXDATE of one event
LONGEST_STEP: Final = 1000  # INTERVAL; one of 0 has no end
MOST_EVENTS: Final = 20_000
LONGEST_EVENT: Final = timedelta(hours=24)


def read(data: bytes, options: Options) -> FileRows:
    found = FileRows()
    calendars = _calendars(data)
    for calendar in calendars:
        _keep_sound_events(calendar, found)
    zone = ZoneInfo(options.zone)
    first = datetime.combine(options.first, time.min, tzinfo=zone)
    last = datetime.combine(options.last + DAY, time.min, tzinfo=zone)
    for calendar in calendars:
        series = _series(calendar)
        for event in _occurrences(calendar, first, last, found):
            _add(found, event, series, zone, options)
    return found


def _occurrences(calendar: Any, first: datetime, last: datetime, found: FileRows) -> list[Any]:
    """Every event of these days. Where one cannot be told, each is asked by itself: the others
    stand, and of that one nothing is known."""
    try:
        return _between(calendar, first, last)
    except ValueError:
        pass
    known: list[Any] = []
    events: dict[str, list[Any]] = {}
    for event in calendar.walk("VEVENT"):
        events.setdefault(str(event.get("UID", "")), []).append(event)
    for uid, parts in events.items():
        calendar.subcomponents = parts
        try:
            known += _between(calendar, first, last)
        except ValueError:
            summary = str(parts[0].get("SUMMARY", ""))
            found.skip(short(uid), "bad_recurrence", summary, short(uid))
    return known


def _between(calendar: Any, first: datetime, last: datetime) -> list[Any]:
    """Raises ValueError: the library's errors and those of the rules are."""
    return list(recurring_ical_events.of(calendar, skip_bad_series=False).between(first, last))


def _series(calendar: Any) -> set[str]:
    """The names of events that recur, or were moved out of a series."""
    return {
        short(str(event.get("UID", "")))
        for event in calendar.walk("VEVENT")
        if any(name in event for name in ("RRULE", "RDATE", "RECURRENCE-ID"))
    }


def _calendars(data: bytes) -> list[Any]:
    try:
        found = Calendar.from_ical(decoded(data), multiple=True)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise Unreadable("no_ical", short(str(error))) from error
    calendars = [one for one in found if one.name == "VCALENDAR"]
    if not calendars:
        raise Unreadable("no_ical")
    if sum(len(one.subcomponents) for one in calendars) > MOST_EVENTS:
        raise Unreadable("too_many", str(MOST_EVENTS))
    return calendars


def _keep_sound_events(calendar: Any, found: FileRows) -> None:
    """Take out what would recur without end within a day, or has no name and time."""
    kept = []
    for part in calendar.subcomponents:
        if part.name != "VEVENT":
            kept.append(part)
            continue
        place = short(str(part.get("UID", ""))) or short(str(part.get("SUMMARY", "")))
        code = _wrong(part)
        if code:
            found.skip(place, code, str(part.get("SUMMARY", "")), place)
        else:
            kept.append(part)
    calendar.subcomponents = kept


def _wrong(event: Any) -> str:
    """Why an event is left out, whatever its recurrences are."""
    starts = _moment(event, "DTSTART")
    if not short(str(event.get("UID", ""))) or starts is None:
        return "no_event"
    if not isinstance(starts, datetime):
        return "whole_day"
    rules_fit = all(map(_is_plain_rule, _values(event, "RRULE")))
    few = all(_dates(event, name) <= MOST_DATES for name in ("RDATE", "EXDATE"))
    return "" if rules_fit and few else "bad_recurrence"


def _values(event: Any, name: str) -> list[Any]:
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def _is_plain_rule(rule: Any) -> bool:
    """Whether it recurs by days, not within them."""
    if not isinstance(rule, vRecur) or any(name in rule for name in FINE):
        return False
    step = rule.get("INTERVAL", [1])
    steps = step if isinstance(step, list) else [step]
    if not all(isinstance(number, int) and 0 < number <= LONGEST_STEP for number in steps):
        return False
    return "".join(map(str, rule.get("FREQ", []))) in FREQUENCIES


def _dates(event: Any, name: str) -> int:
    """How many; more than are allowed where they cannot be read."""
    try:
        return sum(len(one.dts) for one in _values(event, name))
    except (AttributeError, BrokenCalendarProperty):
        return MOST_DATES + 1


def _moment(event: Any, name: str) -> date | datetime | None:
    """None where there is none, or more than one."""
    try:
        found = getattr(event.get(name), "dt", None)
    except BrokenCalendarProperty:
        return None
    return found if isinstance(found, date) else None


def _add(found: FileRows, event: Any, series: set[str], zone: ZoneInfo, options: Options) -> None:
    uid = short(str(event.get("UID", "")))
    summary = short(str(event.get("SUMMARY", "")))
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    starts, ends = _moment(event, "DTSTART"), _moment(event, "DTEND")
    if not isinstance(starts, datetime) or not isinstance(ends, datetime):
        found.skip(uid, "whole_day", summary)
        return
    begins, until = _in_utc(starts, zone), _in_utc(ends, zone)
    if not timedelta(0) < until - begins <= LONGEST_EVENT:
        found.skip(uid, "bad_length", f"{starts} {summary}", uid)
        return
    if not options.first <= begins.astimezone(zone).date() <= options.last:
        return  # runs into the first day
    location = short(str(event.get("LOCATION", "")))
    found.add(
        FeedRow(
            place=uid,
            key=uid,
            course=summary,
            rooms=(location,) if location else (),
            moments=(begins.isoformat(), until.isoformat()),
            original=_original(event, begins, zone) if uid in series else "",
        )
    )


def _in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC).replace(microsecond=0)


def _original(event: Any, begins: datetime, zone: ZoneInfo) -> str:
    """The day that this meeting of a series had at first."""
    at = _moment(event, "RECURRENCE-ID") or begins
    day = _in_utc(at, zone).astimezone(zone).date() if isinstance(at, datetime) else at
    return day.isoformat()
