"""A class goes to another room before the feed says so: what the reader there read counts."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.terminals.models import Punch
from apps.terminals.selectors import punches_due
from apps.terminals.services.punches import punches_retry
from apps.timetable_feeds.services import scans_match
from apps.timetable_feeds.tasks import match_scans
from tests.factories import Cast, make_classroom
from tests.terminals.support import allow_cards, give_card, make_terminal, punch, register
from tests.timetable_feeds.support import Lesson, fet, make_feed, plan, read

pytestmark = pytest.mark.django_db
START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_scan_in_the_new_room_is_matched_when_the_feed_arrives(
    in_campus: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_cards(START - timedelta(days=30))
    other = make_classroom("202")
    terminal, _token = make_terminal(other, now=START - timedelta(days=30))
    give_card(in_campus.student, "04A1B2C3", now=START - timedelta(days=30))
    feed = make_feed()
    read(feed, fet(Lesson()))
    there = punch(terminal, "04A1B2C3", START - 2 * MINUTE)
    assert (there.status, there.reason) == ("queued", "no_session")

    asked: list[object] = []
    monkeypatch.setattr(
        "apps.timetable_feeds.services.applying.enqueue", lambda *args: asked.append(args)
    )
    later = START + 5 * MINUTE
    read(feed, fet(Lesson(room="202")), now=later)
    assert plan()[0] == "09-14 08:00 202"
    assert asked == [("apps.timetable_feeds.tasks.match_scans", [other.pk])]
    assert scans_match(rooms=[other.pk], now=later) == 1
    there.refresh_from_db()
    session = ClassSession.objects.get(pk=there.session_id)
    assert (there.status, session.starts_at) == ("waiting", START)

    opened = register_open(session=session, topic="Sorting", now=later, actor=SYSTEM)
    for door, punches in punches_due(now=later).items():
        punches_retry(terminal=door, punches=punches, now=later)
    assert register(opened)[in_campus.student.code][0] == "present"


def test_the_task_looks_at_these_rooms_alone(in_campus: Cast) -> None:
    now = datetime.now(UTC)
    allow_cards(now - timedelta(days=30))
    terminal, _token = make_terminal(in_campus.classroom, now=now - timedelta(days=30))
    give_card(in_campus.student, "04A1B2C3", now=now - timedelta(days=30))
    punch(terminal, "04A1B2C3", now)
    assert match_scans([make_classroom("202").pk]) == 0
    assert Punch.objects.get().status == "queued"
    ClassSession.objects.create(
        course=in_campus.course,
        faculty=in_campus.lecturer,
        classroom=in_campus.classroom,
        starts_at=now + MINUTE,
        ends_at=now + timedelta(hours=1),
    )
    assert match_scans([in_campus.classroom.pk]) == 1
    assert Punch.objects.get().status == "waiting"
