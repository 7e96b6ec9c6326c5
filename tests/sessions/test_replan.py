"""Many sessions change at once, also into each other's places; those that cannot go back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Entry
from apps.audit.services import Actor
from apps.classrooms.models import Classroom
from apps.common.errors import Refused
from apps.sessions.models import ClassSession
from apps.sessions.services import Replan, session_cancel, sessions_replan
from tests.factories import Cast, make_classroom
from tests.timetable.support import apart

pytestmark = pytest.mark.django_db
AT = datetime(2026, 9, 14, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = Actor(label="Ada", id="user:1")
FACTS = {"now": AT - timedelta(days=3), "actor": ADA}
Make = Callable[..., ClassSession]


@pytest.fixture
def hall(in_campus: Cast) -> Classroom:
    return make_classroom("900")


@pytest.fixture
def planned(hall: Classroom) -> Make:
    """A session of a course of its own in the hall, so many hours later."""

    def make(code: str, hours: int) -> ClassSession:
        course = apart(code, hall)
        return ClassSession.objects.create(
            course=course,
            faculty=course.faculty,
            section=course.section,
            classroom=hall,
            starts_at=AT + hours * HOUR,
            ends_at=AT + (hours + 1) * HOUR,
        )

    return make


def to(session: ClassSession, hours: int, room: Classroom | None = None) -> Replan:
    return Replan(
        session_id=session.pk,
        starts_at=AT + hours * HOUR,
        ends_at=AT + (hours + 1) * HOUR,
        classroom=room or session.classroom,
        faculty=session.faculty,
    )


def hours(*sessions: ClassSession) -> list[float]:
    found = ClassSession.objects.in_bulk([session.pk for session in sessions])
    return [(found[one.pk].starts_at - AT) / HOUR for one in sessions]


def test_three_go_round_in_a_circle(planned: Make) -> None:
    a, b, c = planned("A1", 0), planned("B1", 1), planned("C1", 2)
    assert sessions_replan(plans=[to(a, 1), to(b, 2), to(c, 0)], **FACTS) == {}
    assert hours(a, b, c) == [1, 2, 0]
    entries = Entry.objects.filter(action="sessions.session.changed")
    assert entries.count() == 3
    assert {entry.data["before"]["status"] for entry in entries} == {"scheduled"}


def test_who_is_refused_keeps_the_place_and_so_does_who_wanted_it(planned: Make) -> None:
    a, b, c = planned("A1", 0), planned("B1", 1), planned("C1", 2)
    d = planned("D1", 5)
    refused = sessions_replan(plans=[to(a, 1), to(b, 2), to(d, 6)], **FACTS)
    assert set(refused) == {a.pk, b.pk}
    assert refused[b.pk].code == "room_taken"
    assert "C1" in str(refused[b.pk].message)
    assert hours(a, b, c, d) == [0, 1, 2, 6]
    assert set(ClassSession.objects.values_list("status", flat=True)) == {"scheduled"}


def test_a_cancelled_session_takes_place_again_or_stays_cancelled(planned: Make) -> None:
    a, b = planned("A1", 0), planned("B1", 3)
    for session in (a, b):
        session_cancel(session=session, reason="", **FACTS)
    planned("C1", 3)
    refused = sessions_replan(plans=[to(a, 1), to(b, 3)], **FACTS)
    assert set(refused) == {b.pk}
    a.refresh_from_db()
    b.refresh_from_db()
    assert (a.status, a.closed_at, b.status) == ("scheduled", None, "cancelled")


def test_what_was_opened_is_not_replanned(planned: Make) -> None:
    a = planned("A1", 0)
    ClassSession.objects.filter(pk=a.pk).update(status="open", opened_at=AT)
    with pytest.raises(Refused) as refused:
        sessions_replan(plans=[to(a, 1)], **FACTS)
    assert refused.value.code == "not_scheduled"


def test_no_plans_and_the_same_plan_change_nothing(planned: Make) -> None:
    a = planned("A1", 0)
    assert sessions_replan(plans=[], **FACTS) == {}
    assert sessions_replan(plans=[to(a, 0)], **FACTS) == {}
    assert not Entry.objects.filter(action="sessions.session.changed").exists()


def test_many_are_written_by_one_statement(planned: Make) -> None:
    other = make_classroom("901")
    plans = [to(planned(f"A{n}", n), n, other) for n in range(7)]
    with CaptureQueriesContext(connection) as captured:
        assert sessions_replan(plans=plans, **FACTS) == {}
    written = [one["sql"] for one in captured if one["sql"].split()[0] == "UPDATE"]
    assert sum("class_sessions_classsession" in sql for sql in written) == 2  # aside, and there
    found = ClassSession.objects.values_list("classroom", "status", "held_on")
    assert set(found) == {(other.pk, "scheduled", AT.date())}


def test_of_two_for_one_place_the_earlier_of_the_list_has_it(planned: Make) -> None:
    found = [planned(f"A{n}", n) for n in range(5)]
    plans = [to(one, 20 + n) for n, one in enumerate(found)]
    plans[3] = to(found[3], 21)
    refused = sessions_replan(plans=plans, **FACTS)
    assert list(refused) == [found[3].pk]
    assert refused[found[3].pk].code == "room_taken"
    assert "A1" in str(refused[found[3].pk].message)
    assert hours(*found) == [20, 21, 22, 3, 24]
