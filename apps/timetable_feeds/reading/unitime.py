"""UniTime, 3.1 and later: the course timetable of *Data Exchange* (CourseTimetable.dtd).

Read are `class` (id, subject, courseNbr, type, suffix), its `date` (startDate, endDate), `time`
(days, startTime, endTime), `room` (building, roomNbr), `location` (name) and `instructor` (id,
lead, share); of the root `year`, `dateFormat` and `timeFormat`. A class without dates meets
through the whole period; one with `arrangeTime` has no time.
"""

import re
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element

from apps.timetable_feeds.reading.rows import FeedRow, FileRows, Options, packed_clock, short
from apps.timetable_feeds.reading.xml import attribute, root_of

DAYS: Final = {"M": 1, "T": 2, "W": 3, "Th": 4, "R": 4, "F": 5, "S": 6, "Sa": 6, "Su": 7, "U": 7}
DAY: Final = re.compile(r"Th|Sa|Su|[MTWRFSU]")
PARTS: Final = re.compile(r"y+|M+|d+|[^yMd]+")


def read(data: bytes, options: Options) -> FileRows:
    root, found = root_of(data, "timetable"), FileRows()
    for number, one in enumerate(root.iter("class"), start=1):
        _add(found, f"class {number}", one, root, options)
    return found


def _add(found: FileRows, place: str, one: Element, root: Element, options: Options) -> None:
    name = " ".join(filter(None, (attribute(one, "subject"), attribute(one, "courseNbr"))))
    kind, suffix = attribute(one, "type"), attribute(one, "suffix")
    key = attribute(one, "id") or f"{name} {kind} {suffix}"
    times = one.findall("time")
    if not times:
        found.skip(place, "not_placed", f"{name} {suffix}")
    for at in times:
        days = attribute(at, "days")
        starts, ends = (packed_clock(attribute(at, f"{end}Time")) for end in ("start", "end"))
        if not starts or not ends:
            text = f"{attribute(at, 'startTime')}–{attribute(at, 'endTime')}"
            found.skip(place, "unknown_time", text, key)
            continue
        if not days or DAY.sub("", days):
            found.skip(place, "unknown_day", days, key)
            continue
        spans = _spans(at, one, root)
        if spans is None:
            found.skip(place, "unknown_date", attribute(root, "dateFormat"), key)
            continue
        for first, last in spans:
            for weekday in dict.fromkeys(DAYS[day] for day in DAY.findall(days)):
                found.add(
                    FeedRow(
                        place=place,
                        key=key,
                        course=name,
                        also_called=(f"{name} {kind} {suffix}", f"{name} {suffix}"),
                        sections=(suffix,) if suffix else (),
                        teachers=_teachers(one),
                        rooms=_rooms(one),
                        weekday=weekday,
                        starts=starts,
                        ends=ends,
                        first=first,
                        last=last,
                    )
                )


def _spans(at: Element, one: Element, root: Element) -> list[tuple[str, str]] | None:
    """First and last days; one open span where none are said; None where one is no date."""
    dates = at.findall("date") or one.findall("date")
    if not dates:
        return [("", "")]
    pattern, year = attribute(root, "dateFormat") or "MM/dd", attribute(root, "year")
    found = []
    for span in dates:
        ends = [_day(attribute(span, f"{end}Date"), pattern, year) for end in ("start", "end")]
        if not all(ends):
            return None
        if ends[1] < ends[0] and "y" not in pattern:  # over New Year
            ends[1] = str(int(ends[1][:4]) + 1) + ends[1][4:]
        found.append((ends[0], ends[1]))
    return found


def _day(text: str, pattern: str, year: str) -> str:
    """By a pattern of Java's of numbers, such as yyyy/M/d; of one without a year in `year`."""
    expression = ""
    for part in PARTS.findall(pattern):
        digits = r"\d{4}" if part.startswith("y") else r"\d{1,2}"
        expression += f"(?P<{part[0]}>{digits})" if part[0] in "yMd" else re.escape(part)
    try:
        found = re.fullmatch(expression, text)
        if found is None:
            return ""
        parts = found.groupdict()
        return date(int(parts.get("y") or year), int(parts["M"]), int(parts["d"])).isoformat()
    except (re.error, ValueError, KeyError):
        return ""


def _teachers(one: Element) -> tuple[str, ...]:
    """Who leads first, then by their share."""

    def rank(person: Element) -> tuple[bool, float]:
        try:
            share = float(attribute(person, "share") or 0)
        except ValueError:
            share = 0.0
        return attribute(person, "lead") != "true", -share

    people = sorted(one.findall("instructor"), key=rank)
    return tuple(filter(None, (attribute(person, "id") for person in people)))


def _rooms(one: Element) -> tuple[str, ...]:
    found = [
        short(f"{attribute(room, 'building')} {attribute(room, 'roomNbr')}")
        for room in one.findall("room")
    ]
    return tuple(filter(None, found)) or tuple(
        attribute(place, "name") for place in one.findall("location")
    )
