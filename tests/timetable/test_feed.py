"""The calendar feed, read by parsers that share no code with its writer, and by one that does."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import ics
import pytest
import recurring_ical_events
import vobject
from dateutil.tz import tzical
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Membership
from apps.enrollments.models import Subject
from apps.sessions.services import session_cancel, session_change
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from apps.timetable.ical import render_feed
from apps.timetable.selectors.schedule import sessions
from apps.timetable.services import calendar_link_create
from apps.timetable.vtimezone import time_zone_component
from tests.factories import Cast, enroll, make_session
from tests.timetable.support import ADA, apart

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def planned(cast: Cast, starts_at: datetime, **fields: Any) -> Any:
    with campus_scope(cast.campus):
        return make_session(
            cast.course, starts_at=starts_at, ends_at=starts_at + HOUR, is_planned=True, **fields
        )


def token_of(cast: Cast, user: Any) -> str:
    with campus_scope(cast.campus):
        return calendar_link_create(user=user, now=timezone.now(), actor=ADA)


def feed(cast: Cast, token: str, *, host: str = "", **headers: str) -> Any:
    client = Client(headers={"host": host or cast.host, **headers})
    return client.get(f"/calendar/{token}.ics")


def parsed(body: bytes) -> Any:
    return vobject.readOne(body.decode())


@pytest.fixture
def token(cast: Cast) -> str:
    return token_of(cast, cast.student.user)


def test_what_the_schedule_shows_stands_in_the_feed(cast: Cast, token: str) -> None:
    starts_at = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    session = planned(cast, starts_at, topic="Heaps; and, queues")
    answer = feed(cast, token)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"] == "private, no-store"
    event = parsed(answer.content).vevent
    assert event.uid.value == f"session-{session.pk}@north.campus"
    assert event.summary.value == "CS201-A Algorithms"
    assert event.location.value == "Main 101"
    assert event.description.value == "Heaps; and, queues\nLecturer: Lecturer LECT"
    assert event.dtstart.value == starts_at
    assert event.dtend.value == starts_at + HOUR
    assert event.dtstart.params["X-VOBJ-ORIGINAL-TZID"] == ["Europe/Berlin"]
    assert (event.status.value, event.sequence.value) == ("CONFIRMED", "0")


Read = set[tuple[str, datetime, datetime, str, str, str]]


def by_vobject(body: bytes) -> Read:
    return {
        (
            event.uid.value,
            event.dtstart.value.astimezone(UTC),
            event.dtend.value.astimezone(UTC),
            event.summary.value,
            event.location.value,
            event.status.value,
        )
        for event in parsed(body).vevent_list
    }


def by_ics(body: bytes) -> Read:
    return {
        (
            event.uid,
            event.begin.datetime.astimezone(UTC),
            event.end.datetime.astimezone(UTC),
            event.name,
            event.location,
            event.status,
        )
        for event in ics.Calendar(body.decode()).events
    }


def by_recurring_ical_events(body: bytes) -> Read:
    """What happens between two days, as programs that show a week ask."""
    between = recurring_ical_events.of(icalendar.Calendar.from_ical(body)).between(
        timezone.now() - timedelta(days=30), timezone.now() + timedelta(days=400)
    )
    return {
        (
            str(event["UID"]),
            event.start.astimezone(UTC),
            event.end.astimezone(UTC),
            str(event["SUMMARY"]),
            str(event["LOCATION"]),
            str(event["STATUS"]),
        )
        for event in between
    }


def test_three_parsers_find_the_same_sessions(cast: Cast, token: str) -> None:
    """Over both changes of the clock, with signs that the format writes otherwise, and one that
    was cancelled."""
    first = timezone.now().replace(hour=8, minute=0, second=0, microsecond=0)
    made = [planned(cast, first + timedelta(days=30 * n + 1), topic="a; b, c") for n in range(12)]
    with campus_scope(cast.campus):
        Subject.objects.filter(code="CS201").update(name="Heaps, queues; \\ and Ünïcödé")
        session_cancel(session=made[3], reason="ill", now=timezone.now(), actor=ADA)
    body = feed(cast, token).content
    expected = {
        (
            f"session-{one.pk}@north.campus",
            one.starts_at,
            one.ends_at,
            "CS201-A Heaps, queues; \\ and Ünïcödé",
            "Main 101",
            "CANCELLED" if one.pk == made[3].pk else "CONFIRMED",
        )
        for one in made
    }
    assert len({one.starts_at.astimezone(cast.campus.zone).hour for one in made}) == 2
    for parser in (by_vobject, by_ics, by_recurring_ical_events):
        assert parser(body) == expected, parser.__name__


@pytest.mark.parametrize("who", ["lecturer", "student"])
def test_the_feed_agrees_with_the_schedule(cast: Cast, who: str) -> None:
    day = timezone.now() + timedelta(days=1)
    mine = {planned(cast, day + n * HOUR).pk for n in range(3)}
    with campus_scope(cast.campus):
        make_session(apart("EC100-A"), starts_at=day)
    user = getattr(cast, who).user
    body = parsed(feed(cast, token_of(cast, user)).content)
    assert {event.uid.value for event in body.vevent_list} == {
        f"session-{pk}@north.campus" for pk in mine
    }


def test_local_times_hold_on_both_sides_of_a_clock_change(in_campus: Cast) -> None:
    """08:00 UTC is ten o'clock in Berlin before 2026-10-25 and nine after."""
    for day in (19, 26):
        make_session(
            in_campus.course,
            starts_at=datetime(2026, 10, day, 8, 0, tzinfo=UTC),
            ends_at=datetime(2026, 10, day, 9, 0, tzinfo=UTC),
        )
    body = render_feed(campus=in_campus.campus, sessions=list(sessions()))
    text = body.decode()
    assert "DTSTART;TZID=Europe/Berlin:20261019T100000" in text
    assert "DTSTART;TZID=Europe/Berlin:20261026T090000" in text
    calendar = parsed(body)
    zone = tzical(StringIO(text)).get()  # the offsets that the file itself declares
    for local, offset in (
        (datetime(2026, 10, 18, 23), 2),
        (datetime(2026, 10, 25, 1, 59), 2),
        (datetime(2026, 10, 25, 3, 0), 1),
        (datetime(2026, 10, 26, 9), 1),
    ):
        assert zone.utcoffset(local) == timedelta(hours=offset)
    assert [event.dtstart.value.astimezone(UTC).hour for event in calendar.vevent_list] == [8, 8]


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe"]
)
def test_the_declared_zone_is_the_real_one_hour_by_hour(name: str) -> None:
    """Over a year, also where clocks change by half an hour or never."""
    zone = ZoneInfo(name)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    component = time_zone_component(zone, first=first, last=first + timedelta(days=365))
    declared = tzical(StringIO(component.to_ical().decode())).get()
    wrong = [
        at
        for hours in range(365 * 24)
        if (at := first + hours * HOUR).astimezone(zone).utcoffset()
        != at.astimezone(declared).utcoffset()
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["Africa/Casablanca", "Europe/Dublin", "Europe/Berlin"])
@pytest.mark.parametrize("day", [1, 20, 40])
def test_every_change_of_the_clocks_is_declared_at_its_instant(name: str, day: int) -> None:
    """Morocco leaves summer time for Ramadan alone: a search in steps of months misses it, from
    some first days on."""
    zone = ZoneInfo(name)
    first = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    component = time_zone_component(zone, first=first, last=first + timedelta(days=365))
    declared = {
        (part["DTSTART"].dt - part.TZOFFSETFROM).replace(tzinfo=UTC)
        for part in component.subcomponents
    }
    hours = [first + hour * HOUR for hour in range(365 * 24)]
    offsets = [at.astimezone(zone).utcoffset() for at in hours]
    changes = {hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]}
    assert len(changes) >= 2
    assert changes <= declared


def test_a_campus_on_utc_needs_no_time_zone(in_campus: Cast) -> None:
    campus = Campus.objects.get(pk=in_campus.campus.pk)
    campus.time_zone = "UTC"
    make_session(in_campus.course)
    body = render_feed(campus=campus, sessions=list(sessions()))
    assert parsed(body).vevent.dtstart.value == datetime(2026, 9, 14, 8, 0, tzinfo=UTC)


def test_an_empty_feed_is_a_calendar(cast: Cast, token: str) -> None:
    assert parsed(feed(cast, token).content).name == "VCALENDAR"


def test_changes_count_up_and_cancellations_stay(cast: Cast, token: str) -> None:
    session = planned(cast, timezone.now() + timedelta(days=1))
    facts = {"now": timezone.now(), "actor": ADA}
    with campus_scope(cast.campus):
        session_change(
            session=session,
            starts_at=session.starts_at + HOUR,
            ends_at=session.ends_at + HOUR,
            classroom=session.classroom,
            **facts,
        )
    moved = parsed(feed(cast, token).content).vevent
    assert (moved.sequence.value, moved.status.value) == ("1", "CONFIRMED")
    with campus_scope(cast.campus):
        session_cancel(session=session, reason="ill", **facts)
    gone = parsed(feed(cast, token).content).vevent
    assert (gone.sequence.value, gone.status.value) == ("2", "CANCELLED")
    assert gone.uid.value == moved.uid.value


def test_an_unchanged_feed_is_304(cast: Cast, token: str) -> None:
    session = planned(cast, timezone.now() + timedelta(days=1))
    first = feed(cast, token)
    assert first["Last-Modified"]
    again = feed(cast, token, if_none_match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    with campus_scope(cast.campus):
        session.delete()
    assert feed(cast, token, if_none_match=first["ETag"]).status_code == 200


def test_long_and_foreign_texts_survive(cast: Cast, token: str) -> None:
    topic = "Ünïcödé, العربية; \\ " + "x" * 150
    planned(cast, timezone.now() + timedelta(days=1), topic=topic)
    answer = feed(cast, token)
    assert max(map(len, answer.content.split(b"\r\n"))) <= 75  # RFC 5545 §3.1, octets
    assert parsed(answer.content).vevent.description.value.startswith(topic)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_no_text_begins_a_line_of_its_own(cast: Cast, token: str, end: str) -> None:
    """Whatever a program takes for the end of a line."""
    topic = f"Graphs{end}ATTACH:https://evil.example/"
    planned(cast, timezone.now() + timedelta(days=1), topic=topic)
    lines = feed(cast, token).content.decode().splitlines()
    assert not [line for line in lines if line.startswith("ATTACH")]
    assert len([line for line in lines if line == "BEGIN:VEVENT"]) == 1


def test_the_token_finds_its_campus_at_any_host(cast: Cast, other_cast: Cast, token: str) -> None:
    assert feed(cast, token, host="platform.example").status_code == 200
    assert feed(cast, token, host=other_cast.host).status_code == 404
    _campus, _dash, secret = token.partition("-")
    borrowed = f"{other_cast.campus.pk}-{secret}"
    assert feed(cast, borrowed, host="platform.example").status_code == 404


@pytest.mark.parametrize(
    "token", ["x", "1-" + "a" * 43, "0-" + "a" * 43, "9" * 30 + "-" + "a" * 43]
)
def test_made_up_tokens_are_404(cast: Cast, token: str) -> None:
    assert feed(cast, token).status_code == 404
    assert feed(cast, token, host="platform.example").status_code == 404


@pytest.mark.parametrize("how", ["account", "role", "campus"])
def test_the_link_dies_with_its_owners_rights(cast: Cast, token: str, how: str) -> None:
    with campus_scope(cast.campus):
        if how == "account":
            cast.student.user.is_active = False
            with signed_act("accounts_user"):
                cast.student.user.save()
        elif how == "role":
            Membership.objects.filter(user=cast.student.user).update(is_active=False)
    if how == "campus":
        with signed_act("tenants_campus"):
            Campus.objects.filter(pk=cast.campus.pk).update(is_active=False)
    assert feed(cast, token, host="platform.example").status_code == 404


def test_nobody_can_write_to_it(cast: Cast, token: str) -> None:
    assert Client(headers={"host": cast.host}).post(f"/calendar/{token}.ics").status_code == 405


def test_a_big_feed_asks_no_more(
    cast: Cast, token: str, django_assert_max_num_queries: Any
) -> None:
    with campus_scope(cast.campus):
        for number in range(10):
            course = apart(f"EC{number}-A")
            enroll(cast.student, course)
            make_session(course, starts_at=timezone.now() + timedelta(days=number))
    with django_assert_max_num_queries(12):
        body = feed(cast, token).content
    assert len(parsed(body).vevent_list) == 10
