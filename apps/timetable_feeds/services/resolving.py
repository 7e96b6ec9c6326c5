"""Rows of a file to meetings of courses here. What the campus does not know is only named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course
from apps.timetable.models import Holiday
from apps.timetable.occurrences import DAY, WEEK, instant, monday_of, week_number
from apps.timetable_feeds.models import TimetableFeed
from apps.timetable_feeds.reading.reader import TROUBLES, FileProblem
from apps.timetable_feeds.reading.rows import FeedRow, FileRows
from apps.timetable_feeds.services.directory import Directory, Misfit, code_of

MOST_MEETINGS: Final = 50_000
DAY_HOURS: Final = timedelta(hours=24)
CLOCK: Final = "%H:%M"


@dataclass(frozen=True)
class RowTrouble:
    """A row that is left out, for people."""

    place: str
    value: str
    reason: str

    def as_json(self) -> dict[str, str]:
        return {"place": self.place, "value": self.value, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class WantedMeeting:
    """One meeting as the feed says it now. `also`: further courses that meet in it as one class;
    None where it is not known. Room and lecturer are None where the feed names none."""

    place: str
    key: str
    week: date | None
    called: str
    course: Course
    also: tuple[Course, ...] | None
    starts_at: datetime
    ends_at: datetime
    room: Classroom | None
    faculty: Faculty | None


@dataclass
class Resolved:
    """All meetings of a file. `unclear`: keys of rows that are wrong: what was said of them before
    stands. `is_partial`: rows are wrong whose keys nobody knows, so that all of it stands.
    `outside` and `holidays` count what is not the feed's, and what falls on days off."""

    wanted: list[WantedMeeting] = field(default_factory=list)
    troubles: list[RowTrouble] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    is_partial: bool = False
    rows: int = 0
    outside: int = 0
    holidays: int = 0


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The days and the calendar of a reading."""

    feed: TimetableFeed
    first: date
    last: date
    zone: ZoneInfo
    holidays: tuple[Holiday, ...] = ()


def resolve(
    found: FileRows,
    coverage: Coverage,
    directory: Directory,
    *,
    unread: Sequence[RowTrouble] = (),
) -> Resolved:
    """`unread`: rows that could not be read at all. Raises `FileProblem` where the rows meet far
    too often."""
    resolved = Resolved(rows=len(found.rows), is_partial=bool(unread))
    resolved.troubles = [
        *(RowTrouble(one.place, one.value, str(TROUBLES[one.code])) for one in found.troubles),
        *unread,
    ]
    resolved.unclear = {one.key for one in found.troubles if one.key}
    taken: dict[tuple[int, datetime], WantedMeeting] = {}
    for row in found.rows:
        try:
            _take(row, coverage, directory, resolved, taken)
        except Misfit as misfit:
            resolved.unclear.add(row.key)
            resolved.troubles.append(RowTrouble(row.place, misfit.value, misfit.reason))
        if len(taken) > MOST_MEETINGS:
            message = _("More than %(number)d meetings: this is no timetable of one term.")
            raise FileProblem(message % {"number": MOST_MEETINGS})
    resolved.wanted = sorted(taken.values(), key=lambda one: (one.starts_at, one.course.pk))
    return resolved


def _take(
    row: FeedRow,
    coverage: Coverage,
    directory: Directory,
    resolved: Resolved,
    taken: dict[tuple[int, datetime], WantedMeeting],
) -> None:
    courses, is_whole = directory.courses(row)
    if not coverage.feed.covers(courses[0]):
        resolved.outside += 1
        return
    room, faculty = directory.room(row), directory.teacher(row, courses[0])
    for week, starts_at, ends_at in _meetings(row, courses[0], coverage):
        on = starts_at.astimezone(coverage.zone).date()
        if _is_off(on, courses[0], coverage.holidays):
            resolved.holidays += 1
            continue
        one = WantedMeeting(
            place=row.place,
            key=row.key,
            week=week,
            called=code_of(row),
            course=courses[0],
            also=courses[1:] if is_whole else None,
            starts_at=starts_at,
            ends_at=ends_at,
            room=room,
            faculty=faculty,
        )
        known = taken.setdefault((one.course.pk, starts_at), one)
        if known is not one:
            reason = _("%(course)s meets at this time already (%(place)s)")
            raise Misfit(
                f"{one.called} {on}", reason % {"course": one.course.code, "place": known.place}
            )


def _is_off(on: date, course: Course, holidays: Iterable[Holiday]) -> bool:
    return any(
        holiday.first_day <= on <= holiday.last_day and holiday.covers(course)
        for holiday in holidays
    )


def _meetings(
    row: FeedRow, course: Course, coverage: Coverage
) -> Iterator[tuple[date | None, datetime, datetime]]:
    """Its week (None for a single meeting), start and end, on the days that are covered."""
    if row.moments:
        starts_at, ends_at = map(datetime.fromisoformat, row.moments)
        on = starts_at.astimezone(coverage.zone).date()
        if coverage.first <= on <= coverage.last:
            yield (
                monday_of(date.fromisoformat(row.original)) if row.original else None,
                starts_at,
                ends_at,
            )
        return
    is_lab = bool(row.ends_of_lab) and course.subject.kind == "lab"
    starts, ends = _clock(row.starts), _clock(row.ends_of_lab if is_lab else row.ends)
    for on in _days(row, coverage):
        until = on + DAY if ends <= starts else on
        starts_at = instant(on, starts.time(), coverage.zone)
        ends_at = instant(until, ends.time(), coverage.zone)
        if ends_at <= starts_at:  # the hour that the clocks leave out
            ends_at = starts_at + (ends - starts) % DAY_HOURS
        yield monday_of(on), starts_at, ends_at


def _clock(text: str) -> datetime:
    return datetime.strptime(text, CLOCK)  # noqa: DTZ007  (a time of day)


def _days(row: FeedRow, coverage: Coverage) -> Iterator[date]:
    first = max(coverage.first, date.fromisoformat(row.first) if row.first else date.min)
    last = min(coverage.last, date.fromisoformat(row.last) if row.last else date.max)
    if row.dates:
        found = (date.fromisoformat(day) for day in row.dates)
        yield from (day for day in found if first <= day <= last)
        return
    odd = week_number(coverage.feed.term.odd_week)
    on = monday_of(first) + timedelta(days=row.weekday - 1)
    while on <= last:
        if on >= first and row.cycle[(week_number(on) - odd) % len(row.cycle)] == "1":
            yield on
        on += WEEK
