"""Untis: `GPU001.TXT`, or the XML file of *Import/Export → Export XML* (document, 2012 and later).

GPU001 has no heading: number of the lesson, class, teacher, subject, room, day (1 is Monday) and
period; comma, semicolon or tab between them. Periods get their times from the feed's own codes.
Of the XML file: `lesson` with lesson_subject, lesson_teacher, lesson_classes, effectivebegindate,
effectiveenddate, occurence (a 1 for each day from the first one on that has the lesson) and
`times/time` with assigned_day, assigned_period, assigned_starttime, assigned_endtime,
assigned_room; `general` with schoolyearbegindate and schoolyearenddate says what it covers.
"""

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from xml.etree.ElementTree import Element

from apps.timetable_feeds.reading.rows import (
    FeedRow,
    FileRows,
    Grid,
    Options,
    Unreadable,
    decoded,
    minutes,
    packed_clock,
    short,
)
from apps.timetable_feeds.reading.xml import attribute, root_of, said

BREAK: Final = 20  # minutes: what follows sooner is the same meeting
LONGEST_YEAR: Final = 800  # days
WEEK: Final = frozenset("1234567")


@dataclass
class _Lesson:
    """Periods of one lesson in one room on one day, with all classes that have it."""

    place: str
    sections: list[str] = field(default_factory=list)
    spans: set[tuple[str, str]] = field(default_factory=set)


Key = tuple[str, str, str, str, int]  # number, teacher, subject, room, weekday


def read(data: bytes, options: Options) -> FileRows:
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _read_xml(data, options)
    return _read_lines(data, options)


def _read_lines(data: bytes, options: Options) -> FileRows:
    text, found = decoded(data), FileRows()
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    filled = [
        (number, [*map(short, line), *[""] * 7][:7])
        for number, line in enumerate(lines, start=1)
        if any(line)
    ]
    if not filled or not filled[0][1][0].isdecimal():
        raise Unreadable("untis_no_lines", short(head))
    names = sorted({cells[6] for _number, cells in filled}, key=lambda name: name.zfill(4))
    grid, lessons = Grid(names, options), dict[Key, _Lesson]()
    for number, cells in filled:
        _take(found, lessons, f"line {number}", cells, grid)
    for (lesson, teacher, subject, room, weekday), known in lessons.items():
        for begins, ends in joined(known.spans):
            found.add(
                FeedRow(
                    place=known.place,
                    key=lesson,
                    course=subject,
                    sections=tuple(known.sections),
                    teachers=(teacher,) if teacher else (),
                    rooms=(room,) if room else (),
                    weekday=weekday,
                    starts=begins,
                    ends=ends,
                )
            )
    return found


def _take(
    found: FileRows, lessons: dict[Key, _Lesson], place: str, cells: list[str], grid: Grid
) -> None:
    lesson, section, teacher, subject, room, day, period = cells
    span = grid.span(period)
    if not day.strip("0") or not period.strip("0"):
        found.skip(place, "not_placed", subject)
    elif day not in WEEK:
        found.skip(place, "unknown_day", day, lesson)
    elif span is None:
        found.skip(place, "unknown_time", period, lesson)
    else:
        key = (lesson, teacher, subject, room, int(day))
        known = lessons.setdefault(key, _Lesson(place))
        known.spans.add(span)
        if section and section not in known.sections:
            known.sections.append(section)


def joined(spans: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Periods that follow each other within `BREAK` minutes are one meeting."""
    found: list[tuple[str, str]] = []
    for begins, ends in sorted(spans):
        if found and minutes(begins) - minutes(found[-1][1]) <= BREAK:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return found


def _read_xml(data: bytes, options: Options) -> FileRows:
    root, found = root_of(data, "document"), FileRows()
    lessons = root.findall("lessons/lesson")
    if not lessons:
        raise Unreadable("untis_no_lessons")
    year = [_day(said(root, f"general/schoolyear{end}date")) for end in ("begin", "end")]
    if all(year):
        found.period = (year[0], year[1])
    for lesson in lessons:
        _add_lesson(found, lesson, options)
    return found


def _add_lesson(found: FileRows, lesson: Element, options: Options) -> None:
    number = _plain(attribute(lesson, "id"), "LS_")
    place = f"lesson {number}"
    spans: defaultdict[tuple[int, str], set[tuple[str, str]]] = defaultdict(set)
    for at in lesson.findall("times/time"):
        day, span = said(at, "assigned_day"), _span(at, options)
        if day not in WEEK:
            found.skip(place, "not_placed", number)
        elif span is None:
            found.skip(place, "unknown_time", said(at, "assigned_period"), number)
        else:
            room = at.find("assigned_room")
            name = "" if room is None else _plain(attribute(room, "id"), "RM_")
            spans[int(day), name].add(span)
    for (weekday, room_name), known in spans.items():
        days = _days(lesson, weekday, options)
        if days == ():
            continue
        for begins, ends in joined(known):
            found.add(
                FeedRow(
                    place=place,
                    key=number,
                    course=_plain(_id(lesson, "lesson_subject"), "SU_"),
                    also_called=tuple(filter(None, (said(lesson, "text"), said(lesson, "text1")))),
                    sections=_ids(_id(lesson, "lesson_classes"), "CL_"),
                    teachers=_ids(_id(lesson, "lesson_teacher"), "TR_"),
                    rooms=(room_name,) if room_name else (),
                    weekday=0 if days else weekday,
                    dates=days or (),
                    first=_day(said(lesson, "effectivebegindate")),
                    last=_day(said(lesson, "effectiveenddate")),
                    starts=begins,
                    ends=ends,
                )
            )


def _span(at: Element, options: Options) -> tuple[str, str] | None:
    begins, ends = (packed_clock(said(at, f"assigned_{name}time")) for name in ("start", "end"))
    if begins and ends:
        return begins, ends
    period = said(at, "assigned_period")
    return Grid([period], options).span(period)


def _days(lesson: Element, weekday: int, options: Options) -> tuple[str, ...] | None:
    """The days that `occurence` names, of those that are covered; None where it names none."""
    marks, first = said_whole(lesson, "occurence"), _day(said(lesson, "effectivebegindate"))
    if not marks or not first:
        return None
    begins = date.fromisoformat(first)
    days = (
        begins + timedelta(days=at) for at, mark in enumerate(marks[:LONGEST_YEAR]) if mark == "1"
    )
    return tuple(
        day.isoformat()
        for day in days
        if day.isoweekday() == weekday and options.first <= day <= options.last
    )


def said_whole(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _day(text: str) -> str:
    """20260901 as 2026-09-01; "" for anything else."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).isoformat()
    except ValueError:
        return ""


def _id(lesson: Element, name: str) -> str:
    found = lesson.find(name)
    return "" if found is None else attribute(found, "id")


def _plain(text: str, prefix: str) -> str:
    return text.removeprefix(prefix)


def _ids(text: str, prefix: str) -> tuple[str, ...]:
    """ "CL_1 A CL_1B" are two: names may have spaces."""
    return tuple(_plain(one, prefix) for one in re.split(rf"\s+(?={prefix})", text) if one)
