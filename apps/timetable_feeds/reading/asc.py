"""aSc Timetables: the XML file of *File → Export → aSc Timetables XML* (2008 and later).

Read are `periods` (period, starttime, endtime), `subjects`, `teachers`, `classrooms`, `classes`
(id, short, name), `groups` (id, name, entireclass), `lessons` (id, subjectid, classids, groupids,
teacherids, periodspercard) and `cards` (lessonid, period, days or day, weeks, terms,
classroomids). Masks have a 1 for each day, week of the cycle, or term.
"""

from xml.etree.ElementTree import Element

from apps.timetable_feeds.reading.rows import FeedRow, FileRows, Grid, Options, Unreadable
from apps.timetable_feeds.reading.xml import attribute, root_of

Table = dict[str, Element]


class _File:
    def __init__(self, root: Element, options: Options) -> None:
        self.options = options
        self.subjects, self.teachers, self.rooms, self.classes, self.groups, self.lessons = (
            {attribute(one, "id"): one for one in root.iter(name)}
            for name in ("subject", "teacher", "classroom", "class", "group", "lesson")
        )
        periods = [one for one in root.iter("period") if attribute(one, "period")]
        names = [attribute(one, "period") for one in periods]
        times = {
            attribute(one, "period"): f"{one.get('starttime') or ''} {one.get('endtime') or ''}"
            for one in periods
        }
        self.grid = Grid(names, options, {name: text for name, text in times.items() if text})


def read(data: bytes, options: Options) -> FileRows:
    root = root_of(data, "timetable")
    cards = list(root.iter("card"))
    if not cards:
        raise Unreadable("asc_no_cards")
    file, found = _File(root, options), FileRows()
    for number, card in enumerate(cards, start=1):
        lesson = file.lessons.get(attribute(card, "lessonid"))
        if lesson is None:
            found.skip(f"card {number}", "no_lesson", attribute(card, "lessonid"))
        else:
            _add(found, f"card {number}", card, lesson, file)
    return found


def _add(found: FileRows, place: str, card: Element, lesson: Element, file: _File) -> None:
    weekdays, period = _weekdays(card, file.options), attribute(card, "period")
    if not weekdays or not period:
        found.skip(place, "not_placed", _short(lesson, file.subjects, "subjectid"))
        return
    if not _in_term(card, file.options):
        return
    span = file.grid.span(period, _length(lesson))
    if span is None:
        found.skip(place, "unknown_time", period, attribute(lesson, "id"))
        return
    subject = file.subjects.get(attribute(lesson, "subjectid"))
    rooms = attribute(card, "classroomids") or attribute(lesson, "classroomids")
    for weekday in weekdays:
        found.add(
            FeedRow(
                place=place,
                key=attribute(lesson, "id"),
                course="" if subject is None else attribute(subject, "short", "name"),
                also_called=() if subject is None else (attribute(subject, "name"),),
                sections=_sections(lesson, file),
                teachers=_shorts(attribute(lesson, "teacherids"), file.teachers),
                rooms=_shorts(rooms, file.rooms),
                weekday=weekday,
                starts=span[0],
                ends=span[1],
                cycle=_mask(attribute(card, "weeks")) or "1",
            )
        )


def _weekdays(card: Element, options: Options) -> list[int]:
    """Of a mask ("01000"), or of the number that files of before 2010 have (0 is the first)."""
    mask, number = _mask(attribute(card, "days")), attribute(card, "day")
    if not mask and number.isdecimal() and len(number) == 1:
        mask = "0" * int(number) + "1"
    if len(mask) > 7:
        return []
    first = options.first_weekday - 1
    return [(first + at) % 7 + 1 for at, bit in enumerate(mask) if bit == "1"]


def _in_term(card: Element, options: Options) -> bool:
    mask = _mask(attribute(card, "terms"))
    if len(mask) < 2:
        return True
    return options.term <= len(mask) and mask[options.term - 1] == "1"


def _mask(text: str) -> str:
    return text if text and set(text) <= {"0", "1"} else ""


def _length(lesson: Element) -> int:
    """In periods: 1, 2 or "2.0"."""
    text = attribute(lesson, "periodspercard").partition(".")[0] or "1"
    return int(text) if text.isdecimal() and len(text) < 3 else 1


def _short(lesson: Element, table: Table, name: str) -> str:
    return "".join(_shorts(attribute(lesson, name), table)[:1])


def _shorts(ids: str, table: Table) -> tuple[str, ...]:
    found = (table.get(one.strip()) for one in ids.split(","))
    return tuple(attribute(one, "short", "name") for one in found if one is not None)


def _sections(lesson: Element, file: _File) -> tuple[str, ...]:
    """The classes; those of which only a group is taught with the group's name behind."""
    groups: dict[str, str] = {}
    for one in attribute(lesson, "groupids").split(","):
        group = file.groups.get(one.strip())
        if group is not None and attribute(group, "entireclass") != "1":
            groups[attribute(group, "classid")] = attribute(group, "name")
    found = []
    for one in attribute(lesson, "classids", "classid").split(","):
        known = file.classes.get(one.strip())
        if known is not None:
            name = attribute(known, "short", "name")
            found.append(f"{name} {groups.get(one.strip(), '')}".strip())
    return tuple(found)
