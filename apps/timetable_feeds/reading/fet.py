"""FET (https://lalescu.ro/liviu/fet), 5 and later: a solved `.fet` file, or the timetable as CSV.

Of `…_data_and_timetable.fet`: `Hours_List`, `Activities_List` (Id, Teacher, Subject, Students,
Duration, Active) and where each is placed, by `ConstraintActivityPreferredStartingTime` and
`ConstraintActivityPreferredRoom`, or by an `Activities_Timetable` within. Of `…_timetable.csv`:
Activity Id, Day, Hour, Students Sets, Subject, Teachers, Room; one line for each hour.
`…_activities.xml` alone says when and where, and not what.
"""

import csv
import io
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from apps.timetable_feeds.reading.rows import (
    FeedRow,
    FileRows,
    Grid,
    Options,
    Unreadable,
    decoded,
    short,
)
from apps.timetable_feeds.reading.xml import all_said, root_of, said

HEADINGS: Final = ("activity id", "day", "hour", "students sets", "subject", "teachers")


@dataclass(frozen=True)
class Placed:
    day: str
    hour: str
    rooms: tuple[str, ...] = ()


def read(data: bytes, options: Options) -> FileRows:
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _read_xml(data, options)
    return _read_csv(data, options)


def _read_xml(data: bytes, options: Options) -> FileRows:
    root = root_of(data, "fet", "Activities_Timetable")
    if root.tag != "fet":
        raise Unreadable("fet_without_lessons")
    found = FileRows()
    hours = root.findall("Hours_List/Hour")
    names = [said(hour, "Name") for hour in hours]
    times = {said(hour, "Name"): said(hour, "Long_Name") for hour in hours}
    grid = Grid(names, options, {name: text for name, text in times.items() if text})
    placed = _placed(root)
    for activity in root.findall("Activities_List/Activity"):
        if said(activity, "Active").casefold() != "false":
            _add(found, activity, placed, grid, options)
    return found


def _placed(root: Element) -> dict[str, Placed]:
    """By activity."""
    solved = root.find(".//Activities_Timetable")
    if solved is not None:
        return {
            said(one, "Id"): Placed(said(one, "Day"), said(one, "Hour"), _rooms(one))
            for one in solved.findall("Activity")
        }
    rooms = {
        said(rule, "Activity_Id"): _rooms(rule)
        for rule in root.iter("ConstraintActivityPreferredRoom")
        if _holds(rule)
    }
    found: dict[str, Placed] = {}
    for rule in root.iter("ConstraintActivityPreferredStartingTime"):
        name = said(rule, "Activity_Id")
        day = said(rule, "Preferred_Day") or said(rule, "Day")
        hour = said(rule, "Preferred_Hour") or said(rule, "Hour")
        if _holds(rule) and name not in found:
            found[name] = Placed(day, hour, rooms.get(name, ()))
    return found


def _holds(rule: Element) -> bool:
    """Whether it is in force, and for certain: a wish says nothing of where something lies."""
    try:
        weight = float(said(rule, "Weight_Percentage") or "100")
    except ValueError:
        return False
    return said(rule, "Active").casefold() != "false" and weight >= 100


def _rooms(element: Element) -> tuple[str, ...]:
    """The real rooms of a virtual one, else the room."""
    return all_said(element, "Real_Room") or all_said(element, "Room")


def _add(
    found: FileRows, activity: Element, placed: dict[str, Placed], grid: Grid, options: Options
) -> None:
    number = said(activity, "Id")
    place, at = f"Activity {number}", placed.get(number)
    if at is None or not at.day:
        found.skip(place, "not_placed", said(activity, "Subject"))
        return
    weekday = options.weekday(at.day)
    duration = said(activity, "Duration") or "1"
    span = grid.span(at.hour, int(duration)) if duration.isdecimal() and len(duration) < 4 else None
    if not weekday or span is None:
        found.skip(
            place, "unknown_time" if weekday else "unknown_day", f"{at.day} {at.hour}", number
        )
        return
    found.add(
        FeedRow(
            place=place,
            key=number,
            course=said(activity, "Subject"),
            sections=all_said(activity, "Students"),
            teachers=all_said(activity, "Teacher"),
            rooms=at.rooms,
            weekday=weekday,
            starts=span[0],
            ends=span[1],
        )
    )


def _read_csv(data: bytes, options: Options) -> FileRows:
    text = decoded(data)
    head = text.partition("\n")[0]
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count)))
    names = [cell.strip().casefold() for cell in lines[0]] if lines else []
    if any(heading not in names for heading in HEADINGS):
        raise Unreadable("fet_no_csv", short(head))
    cells = [
        (number, {name: short(cell) for name, cell in zip(names, line, strict=False)})
        for number, line in enumerate(lines[1:], start=2)
        if any(line)
    ]
    grid = Grid(list(dict.fromkeys(row.get("hour", "") for _n, row in cells)), options)
    found = FileRows()
    lessons: dict[tuple[str, str], tuple[int, dict[str, str], list[tuple[str, str]]]] = {}
    for number, row in cells:
        span = grid.span(row.get("hour", ""))
        if not row.get("day"):
            found.skip(f"line {number}", "not_placed", row.get("subject", ""))
        elif span is None:
            value = f"{row['day']} {row.get('hour', '')}"
            found.skip(f"line {number}", "unknown_time", value, row.get("activity id", ""))
        else:
            key = (row.get("activity id", ""), row["day"])
            lessons.setdefault(key, (number, row, []))[2].append(span)
    for number, row, spans in lessons.values():
        _add_lesson(found, number, row, spans, options)
    return found


def _add_lesson(
    found: FileRows,
    number: int,
    row: dict[str, str],
    spans: list[tuple[str, str]],
    options: Options,
) -> None:
    """All hours of one activity, which follow each other."""
    weekday = options.weekday(row["day"])
    if not weekday:
        found.skip(f"line {number}", "unknown_day", row["day"], row.get("activity id", ""))
        return
    parts = {name: tuple(filter(None, map(str.strip, row.get(name, "").split("+"))))
             for name in ("students sets", "teachers")}  # fmt: skip
    found.add(
        FeedRow(
            place=f"line {number}",
            key=row.get("activity id", ""),
            course=row.get("subject", ""),
            sections=parts["students sets"],
            teachers=parts["teachers"],
            rooms=(row["room"],) if row.get("room") else (),
            weekday=weekday,
            starts=min(begins for begins, _ends in spans),
            ends=max(ends for _begins, ends in spans),
        )
    )
