"""Small files as the programs write them, a feed, and a reading in a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.audit.services import Actor
from apps.enrollments.models import Course, Term
from apps.sessions.models import ClassSession
from apps.timetable_feeds.models import FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import sealed_file
from apps.timetable_feeds.services.jobs import run_work
from tests.timetable.support import NOW

ADA = Actor(label="Ada", id="user:1")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOURS = ("08:00", "09:00", "10:00", "11:00", "12:00", "13:00", "14:00")


# --- Files -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """An activity of FET: an hour of the week."""

    number: str = "1"
    day: str = "Monday"
    hour: str = "10:00"
    course: str = "CS201"
    students: str = "2A"
    teacher: str = "LECT"
    room: str = "101"


def fet(*lessons: Lesson) -> bytes:
    """As FET writes …_data_and_timetable.fet."""
    days = "".join(f"<Day><Name>{day}</Name></Day>" for day in DAYS)
    hours = "".join(f"<Hour><Name>{hour}</Name></Hour>" for hour in HOURS)
    activities = "".join(
        f"<Activity><Teacher>{one.teacher}</Teacher><Subject>{one.course}</Subject>"
        f"<Students>{one.students}</Students><Duration>1</Duration>"
        f"<Total_Duration>1</Total_Duration><Id>{one.number}</Id>"
        f"<Activity_Group_Id>0</Activity_Group_Id><Active>true</Active></Activity>"
        for one in lessons
    )
    times = "".join(
        "<ConstraintActivityPreferredStartingTime><Weight_Percentage>100</Weight_Percentage>"
        f"<Activity_Id>{one.number}</Activity_Id><Preferred_Day>{one.day}</Preferred_Day>"
        f"<Preferred_Hour>{one.hour}</Preferred_Hour>"
        "<Permanently_Locked>true</Permanently_Locked><Active>true</Active>"
        "</ConstraintActivityPreferredStartingTime>"
        for one in lessons
    )
    rooms = "".join(
        "<ConstraintActivityPreferredRoom><Weight_Percentage>100</Weight_Percentage>"
        f"<Activity_Id>{one.number}</Activity_Id><Room>{one.room}</Room>"
        "<Permanently_Locked>true</Permanently_Locked><Active>true</Active>"
        "</ConstraintActivityPreferredRoom>"
        for one in lessons
        if one.room
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<fet version="6.8.5"><Days_List>{days}'
        f"</Days_List><Hours_List>{hours}</Hours_List><Activities_List>{activities}"
        f"</Activities_List><Time_Constraints_List>{times}</Time_Constraints_List>"
        f"<Space_Constraints_List>{rooms}</Space_Constraints_List></fet>"
    ).encode()


@dataclass(frozen=True)
class Event:
    uid: str
    starts: str  # 20260914T100000, on the clock of Berlin
    summary: str = "CS201-A Algorithms"
    hours: int = 1
    location: str = "Main 101"
    more: Sequence[str] = ()


def ical(*events: Event) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Registry//Timetable//EN"]
    for one in events:
        begins = datetime.strptime(one.starts, "%Y%m%dT%H%M%S")  # noqa: DTZ007
        ends = begins + timedelta(hours=one.hours)
        lines += [
            *("BEGIN:VEVENT", f"UID:{one.uid}", "DTSTAMP:20260901T000000Z"),
            f"DTSTART;TZID=Europe/Berlin:{one.starts}",
            f"DTEND;TZID=Europe/Berlin:{ends:%Y%m%dT%H%M%S}",
            f"SUMMARY:{one.summary}",
            *([f"LOCATION:{one.location}"] if one.location else []),
            *one.more,
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


# --- Feeds -----------------------------------------------------------------------------------


def make_feed(kind: str = "fet", **fields: Any) -> TimetableFeed:
    """Of the term, for three weeks: 14 September to 4 October 2026; read before by a person."""
    return TimetableFeed.objects.create(
        **{
            "name": "Planner",
            "format": kind,
            "term": Term.objects.get(),
            "covers_from": date(2026, 9, 14),
            "covers_until": date(2026, 10, 4),
            "accepted_at": NOW - timedelta(days=1),
            **fields,
        }
    )


def read(
    feed: TimetableFeed,
    data: bytes,
    *,
    commit: bool = True,
    now: datetime = NOW,
    confirmed: int | None = None,
) -> FeedRun:
    """As a worker does it."""
    feed = TimetableFeed.objects.select_related("term", "department").get(pk=feed.pk)
    run = FeedRun(feed=feed, commit=commit, confirmed=confirmed, created_at=now)
    run.sealed_file = sealed_file(run, data)
    run.save(force_insert=True)
    run_work(run, actor=ADA, now=now, report=lambda phase: None)
    assert run.status in ("saved", "waiting", "checked"), run.problem
    return run


def counts(run: FeedRun) -> dict[str, int]:
    return dict(run.result["counts"])


def reasons(run: FeedRun) -> list[str]:
    return [row["reason"] for row in run.problems]


def lines(run: FeedRun, what: str) -> list[str]:
    found = [line for line in run.result["lines"] if line["what"] == what]
    return [f"{line['at']} {line['course']} {line['why']}".strip() for line in found]


def plan(course: Course | None = None) -> list[str]:
    """What is scheduled, in UTC, with the room."""
    found = ClassSession.objects.filter(status="scheduled").select_related("classroom")
    if course is not None:
        found = found.filter(course=course)
    return [
        f"{one.starts_at.astimezone(UTC):%m-%d %H:%M} "
        f"{one.classroom.room_number if one.classroom else '–'}"
        for one in found.order_by("starts_at", "pk")
    ]
