"""A feed: its secret, and what a person said about the names in its files."""

from typing import Any

from apps.tabular_files.fields import Wrong, weekday
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.timetable_feeds.models import FeedCode, TimetableFeed
from apps.timetable_feeds.reading.rows import clocks
from apps.timetable_feeds.selectors import sealed_header

Kind = FeedCode.Kind


def header_give(feed: TimetableFeed, value: str) -> None:
    """The caller saves."""
    feed.sealed_header = sealed_header(feed, value)


def options_of(feed: TimetableFeed) -> dict[str, Any]:
    """What the readers of files are told, as JSON."""
    days: dict[str, int] = {}
    periods: dict[str, list[str]] = {}
    for code in feed.codes.all():
        name = code.theirs.strip().casefold()
        if code.kind == Kind.DAY:
            days[name.strip(".")] = weekday(code.ours)
        elif code.kind == Kind.PERIOD:
            periods[name] = clocks(code.ours)
    return {
        "first": feed.first_day.isoformat(),
        "last": feed.last_day.isoformat(),
        "zone": Campus.objects.get(pk=current_campus_id()).time_zone,
        "days": days,
        "periods": periods,
        "first_weekday": feed.first_weekday,
        "term": feed.their_term,
    }


def code_problem(kind: str, ours: str) -> str:
    """ "day" or "period" where the text means none; "" where it does."""
    if kind == Kind.DAY:
        try:
            weekday(ours)
        except Wrong:
            return "day"
    if kind == Kind.PERIOD:
        span = clocks(ours)
        return "" if len(span) == 2 and span[0] < span[1] else "period"
    return ""
