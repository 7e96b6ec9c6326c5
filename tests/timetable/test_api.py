"""The timetable over REST: own things only, clashes by name, a constant number of statements."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.audit.models import Entry
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.models import CalendarLink, Holiday, WeeklySlot
from tests.factories import Cast, make_course, make_session
from tests.timetable.support import MONDAY, a_slot, apart, generate

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def on_the_day_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told of sessions that are over, so the clock must not have passed them."""
    clock = SimpleNamespace(now=lambda: EIGHT - timedelta(days=1))
    monkeypatch.setattr("apps.timetable.api.session_views.timezone", clock)


def client_of(cast: Cast, user: User | None) -> APIClient:
    client = APIClient(headers={"host": cast.host})
    client.force_authenticate(user)
    return client


@pytest.fixture
def lecturer(cast: Cast) -> APIClient:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def student(cast: Cast) -> APIClient:
    return client_of(cast, cast.student.user)


@pytest.fixture
def operator(cast: Cast) -> APIClient:
    return client_of(cast, cast.operator)


def planned(cast: Cast, starts_at: datetime = EIGHT, **fields: Any) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(
            fields.pop("course", cast.course),
            starts_at=starts_at,
            ends_at=starts_at + HOUR,
            is_planned=True,
            **fields,
        )


def course_apart(cast: Cast, code: str = "EC100-A") -> Any:
    with campus_scope(cast.campus):
        return apart(code, cast.classroom)


def statements(client: APIClient, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


# --- Schedules -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["student", "lecturer"])
def test_a_week_and_a_day_of_my_own(cast: Cast, who: str) -> None:
    """AMS-13, AMS-50. Sunday evening in Berlin belongs to the week; the next Monday does not."""
    mine = [
        planned(cast),
        planned(cast, EIGHT + timedelta(days=3), status="cancelled"),
        planned(cast, datetime(2026, 9, 20, 20, 0, tzinfo=UTC)),
    ]
    planned(cast, datetime(2026, 9, 20, 22, 30, tzinfo=UTC))
    planned(cast, EIGHT + HOUR, course=course_apart(cast))
    client = client_of(cast, getattr(cast, who).user)
    week = client.get("/api/v1/me/schedule?view=week&date=2026-09-16").json()
    assert (week["first_day"], week["last_day"]) == ("2026-09-14", "2026-09-20")
    assert week["time_zone"] == "Europe/Berlin"
    assert [row["id"] for row in week["sessions"]] == [session.pk for session in mine]
    assert week["sessions"][1]["status"] == "cancelled"
    day = client.get("/api/v1/me/schedule?view=day&date=2026-09-14").json()
    (entry,) = day["sessions"]
    assert (entry["course_code"], entry["room"]) == ("CS201-A", "Main 101")
    assert (entry["lecturer"], entry["section"]) == ("Lecturer LECT", "CSE-2A")


def test_without_a_date_it_is_today(cast: Cast, student: APIClient) -> None:
    now = planned(cast, timezone.now())
    answer = student.get("/api/v1/me/schedule").json()
    assert [row["id"] for row in answer["sessions"]] == [now.pk]


def test_somebody_elses_schedule_is_refused(cast: Cast, student: APIClient) -> None:
    """AMS-13: `?email=` is accepted for one's own address only."""
    mine, other = cast.student.user.email, cast.classmate.user.email
    assert student.get(f"/api/v1/me/schedule?email={mine.upper()}").status_code == 200
    answer = student.get(f"/api/v1/me/schedule?email={other}")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == "not_yours"


@pytest.mark.parametrize("query", ["date=yesterday", "view=month", "email=x"])
def test_nonsense_is_a_400(student: APIClient, query: str) -> None:
    assert student.get(f"/api/v1/me/schedule?{query}").status_code == 400


def test_dropped_courses_leave_the_schedule(cast: Cast, student: APIClient) -> None:
    planned(cast)
    with campus_scope(cast.campus):
        cast.student.enrollments.update(status="dropped")
    assert student.get("/api/v1/me/schedule?date=2026-09-14").json()["sessions"] == []


def test_a_full_week_asks_no_more_than_a_single_session(cast: Cast, student: APIClient) -> None:
    planned(cast)
    url = "/api/v1/me/schedule?view=week&date=2026-09-14"
    few = statements(student, url)
    for number in range(1, 40):
        planned(cast, EIGHT + number * HOUR)
    assert len(student.get(url).json()["sessions"]) == 40
    assert statements(student, url) == few
    assert few <= 9


def test_the_dashboard_counts_and_asks_a_constant_number(cast: Cast, lecturer: APIClient) -> None:
    """AMS-18."""
    now = timezone.now()
    for days, attended in ((3, 3), (2, 2)):
        planned(
            cast,
            now - timedelta(days=days),
            status="completed",
            opened_at=now,
            total_enrolled=3,
            total_attended=attended,
        )
    planned(cast, now - timedelta(days=1), status="cancelled")
    ahead = planned(cast, now + HOUR)
    planned(cast, now + 3 * HOUR)
    url = "/api/v1/faculty/dashboard"
    (row,) = lecturer.get(url).json()["assignments"]
    assert (row["course_code"], row["enrolled"], row["section"]) == ("CS201-A", 3, "CSE-2A")
    assert (row["held"], row["ahead"], row["cancelled"]) == (2, 2, 1)
    assert row["attendance_percentage"] == 83.33
    assert datetime.fromisoformat(row["next_session_at"]) == ahead.starts_at
    few = statements(lecturer, url)
    with campus_scope(cast.campus):
        for number in range(12):
            make_course(faculty=cast.lecturer, code=f"X{number}-A")
    rows = lecturer.get(url).json()["assignments"]
    assert len(rows) == 13
    assert rows[-1]["attendance_percentage"] is None
    assert statements(lecturer, url) == few
    assert lecturer.get(f"{url}?email={cast.outsider.user.email}").status_code == 403


# --- Single sessions -------------------------------------------------------------------------


def test_a_lecturer_lists_own_sessions_the_office_all(
    cast: Cast, lecturer: APIClient, operator: APIClient
) -> None:
    """AMS-19: ordered, own only, filtered, in pages, with a constant number of statements."""
    mine = [planned(cast, EIGHT + timedelta(days=n)) for n in (1, 0)]
    planned(cast, EIGHT + 2 * HOUR, course=course_apart(cast))
    url = "/api/v1/timetable/sessions"
    assert [row["id"] for row in lecturer.get(url).json()["results"]] == [mine[1].pk, mine[0].pk]
    assert operator.get(url).json()["count"] == 3
    by_day = f"{url}?first_day=2026-09-14&last_day=2026-09-14&ordering=-starts_at"
    assert operator.get(by_day).json()["count"] == 2
    assert operator.get(f"{url}?course={cast.course.pk}&status=scheduled").json()["count"] == 2
    assert operator.get(f"{url}?classroom={cast.classroom.pk}&page_size=1").json()["count"] == 3
    assert operator.get(f"{url}?status=asleep").status_code == 400
    few = statements(operator, url)
    for number in range(3, 30):
        planned(cast, EIGHT + timedelta(days=number))
    assert statements(operator, url) == few


def plan(client: APIClient, cast: Cast, starts_at: datetime, **more: Any) -> Any:
    body = {
        "course": cast.course.pk,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + HOUR).isoformat(),
        **more,
    }
    return client.post("/api/v1/timetable/sessions", body)


def test_planning_a_session(cast: Cast, lecturer: APIClient) -> None:
    """AMS-20. A room that is too small is a warning."""
    with campus_scope(cast.campus):
        cast.classroom.capacity = 2
        cast.classroom.save()
    answer = plan(lecturer, cast, EIGHT, topic="Heaps")
    assert answer.status_code == 201
    assert answer.json()["warnings"] == ["CS201-A Algorithms: 3 students, Main 101 has 2 places."]
    assert answer.json()["topic"] == "Heaps"


@pytest.mark.parametrize(
    ("shared", "code"),
    [("classroom", "room_taken"), ("faculty", "lecturer_busy"), ("section", "section_busy")],
)
def test_clashes_are_409_and_name_the_other(
    cast: Cast, lecturer: APIClient, shared: str, code: str
) -> None:
    """AMS-20."""
    other = course_apart(cast)
    with campus_scope(cast.campus):
        other.classroom = None
        setattr(other, shared, getattr(cast.course, shared))
        other.save()
    planned(cast, course=other)
    answer = plan(lecturer, cast, EIGHT + timedelta(minutes=30))
    assert answer.status_code == 409
    (error,) = answer.json()["errors"]
    assert error["code"] == code
    assert "EC100-A Algorithms" in error["detail"]
    assert "2026-09-14 10:00–11:00" in error["detail"]


def test_a_lecturer_plans_own_courses_only(cast: Cast, lecturer: APIClient) -> None:
    assert plan(lecturer, cast, EIGHT, course=cast.other_course.pk).status_code == 404
    assert plan(lecturer, cast, EIGHT, classroom=2**40).status_code == 400
    assert plan(lecturer, cast, EIGHT, ends_at=EIGHT.isoformat()).status_code == 400


def test_rooms_of_another_campus_do_not_exist(
    cast: Cast, other_cast: Cast, lecturer: APIClient
) -> None:
    assert plan(lecturer, cast, EIGHT, classroom=other_cast.classroom.pk).status_code == 400


def test_a_change_keeps_what_it_does_not_name(cast: Cast, lecturer: APIClient) -> None:
    """AMS-21: before and after in the log."""
    session = planned(cast, topic="Heaps")
    url = f"/api/v1/timetable/sessions/{session.pk}"
    answer = lecturer.patch(url, {"starts_at": (EIGHT + HOUR).isoformat()})
    assert answer.status_code == 200
    body = answer.json()
    assert datetime.fromisoformat(body["ends_at"]) == EIGHT + 2 * HOUR
    assert (body["topic"], body["room"]) == ("Heaps", "Main 101")
    assert lecturer.patch(url, {"classroom": None, "topic": "Trees"}).json()["room"] == ""
    with campus_scope(cast.campus):
        first, second = Entry.objects.filter(action="sessions.session.changed").order_by("pk")
    assert first.data["before"]["starts_at"] == EIGHT.isoformat()
    assert second.data["after"]["topic"] == "Trees"


@pytest.mark.usefixtures("on_the_day_before")
def test_moving_tells_the_class(cast: Cast, lecturer: APIClient) -> None:
    session = planned(cast)
    url = f"/api/v1/timetable/sessions/{session.pk}/reschedule"
    assert lecturer.post(url, {"starts_at": (EIGHT + HOUR).isoformat()}).status_code == 200
    with campus_scope(cast.campus):
        message = Message.objects.get(kind="session_moved")
        assert message.deliveries.filter(channel="inbox").count() == 4
    assert message.data["when"] == "2026-09-14 11:00–12:00"
    assert message.data["old_when"] == "2026-09-14 10:00–11:00"


def test_only_another_topic_tells_nobody(cast: Cast, lecturer: APIClient) -> None:
    session = planned(cast)
    lecturer.patch(f"/api/v1/timetable/sessions/{session.pk}", {"topic": "Trees"})
    with campus_scope(cast.campus):
        assert not Message.objects.exists()


def test_moving_into_a_taken_room_is_refused(cast: Cast, lecturer: APIClient) -> None:
    session = planned(cast)
    planned(cast, EIGHT + 2 * HOUR, course=course_apart(cast))
    url = f"/api/v1/timetable/sessions/{session.pk}/reschedule"
    answer = lecturer.post(url, {"starts_at": (EIGHT + 2 * HOUR).isoformat()})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "room_taken"
    with campus_scope(cast.campus):
        assert not Message.objects.exists()


@pytest.mark.usefixtures("on_the_day_before")
def test_two_sessions_are_swapped(cast: Cast, lecturer: APIClient, operator: APIClient) -> None:
    first = planned(cast)
    second = planned(cast, EIGHT + 2 * HOUR, course=course_apart(cast))
    url = f"/api/v1/timetable/sessions/{first.pk}/swap"
    assert lecturer.post(url, {"other": second.pk}).status_code == 404
    answer = operator.post(url, {"other": second.pk})
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()] == [second.pk, first.pk]
    with campus_scope(cast.campus):
        assert Message.objects.filter(kind="session_moved").count() == 2


@pytest.mark.usefixtures("on_the_day_before")
def test_cancelling_with_a_note(cast: Cast, lecturer: APIClient) -> None:
    session = planned(cast)
    url = f"/api/v1/timetable/sessions/{session.pk}/cancel"
    assert lecturer.post(url, {}).status_code == 400
    assert lecturer.post(url, {"note": "I am ill."}).json()["status"] == "cancelled"
    assert lecturer.post(url, {"note": "again"}).status_code == 409
    with campus_scope(cast.campus):
        assert Message.objects.get(kind="session_cancelled").data["note"] == "I am ill."


def test_deleting(cast: Cast, lecturer: APIClient) -> None:
    """AMS-22."""
    url = f"/api/v1/timetable/sessions/{planned(cast).pk}"
    assert lecturer.delete(url).status_code == 204
    assert lecturer.delete(url).status_code == 404


# --- Slots, holidays, generator --------------------------------------------------------------


def slot_body(cast: Cast, **more: Any) -> dict[str, Any]:
    return {
        "course": cast.course.pk,
        "weekday": 1,
        "starts_at": "10:00",
        "ends_at": "11:30",
        **more,
    }


def test_a_slot_from_its_beginning_to_its_end(cast: Cast, operator: APIClient) -> None:
    url = "/api/v1/timetable/slots"
    made = operator.post(url, slot_body(cast))
    assert made.status_code == 201
    one = f"{url}/{made.json()['slot']['id']}"
    with campus_scope(cast.campus):
        cast.course.term.starts_on, cast.course.term.ends_on = "2020-01-01", "2090-01-01"
        cast.course.term.save()
    today = timezone.now().date()
    period = {"first_day": today + timedelta(days=7), "last_day": today + timedelta(days=20)}
    assert operator.post("/api/v1/timetable/generate", period).json()["created"] == 2
    changed = operator.patch(one, {"weekday": 2})
    assert (changed.status_code, changed.json()["moved"]) == (200, 2)
    listed = operator.get(f"{url}?course={cast.course.pk}&weekday=2&is_active=true").json()
    assert [row["room"] for row in listed["results"]] == ["Main 101"]
    assert operator.delete(one).json()["cancelled"] == 2
    assert operator.get(f"{url}?is_active=false").json()["count"] == 1


def test_slots_that_clash_are_409_and_name_the_other(cast: Cast, operator: APIClient) -> None:
    other = course_apart(cast)
    operator.post("/api/v1/timetable/slots", slot_body(cast, course=other.pk))
    answer = operator.post("/api/v1/timetable/slots", slot_body(cast, starts_at="11:00"))
    assert answer.status_code == 409
    (error,) = answer.json()["errors"]
    assert error["code"] == "room_taken"
    assert "EC100-A Monday 10:00–11:30" in error["detail"]


@pytest.mark.parametrize(
    "wrong",
    [{"weekday": 9}, {"ends_at": "09:00"}, {"parity": "third"}, {"starts_at": "25:00"}],
)
def test_impossible_slots_are_400(cast: Cast, operator: APIClient, wrong: dict) -> None:
    assert operator.post("/api/v1/timetable/slots", slot_body(cast, **wrong)).status_code == 400


def test_a_list_of_slots_asks_a_constant_number(cast: Cast, operator: APIClient) -> None:
    url = "/api/v1/timetable/slots"
    with campus_scope(cast.campus):
        a_slot(cast.course)
    few = statements(operator, url)
    with campus_scope(cast.campus):
        for number in range(10):
            a_slot(apart(f"EC{number}-A"))
    assert statements(operator, url) == few


def test_a_holiday_from_its_beginning_to_its_end(cast: Cast, operator: APIClient) -> None:
    url = "/api/v1/timetable/holidays"
    starts_at = timezone.now() + timedelta(days=3)
    day = starts_at.astimezone(cast.campus.zone).date()
    with campus_scope(cast.campus):
        cast.course.term.starts_on, cast.course.term.ends_on = "2020-01-01", "2090-01-01"
        cast.course.term.save()
        a_slot(cast.course, weekday=day.isoweekday())
        generate(day, day)
    made = operator.post(url, {"name": "Storm", "first_day": day, "last_day": day})
    assert (made.status_code, made.json()["cancelled"]) == (201, 1)
    one = f"{url}/{made.json()['holiday']['id']}"
    assert operator.patch(one, {"name": "Gale"}).json()["holiday"]["name"] == "Gale"
    assert operator.get(f"{url}?first_day={day}&last_day={day}").json()["count"] == 1
    assert operator.get(f"{url}?first_day={day + timedelta(days=1)}").json()["count"] == 0
    assert operator.delete(one).json()["restored"] == 1
    assert operator.patch(one, {}).status_code == 404
    backwards = {"name": "H", "first_day": "2026-09-15", "last_day": "2026-09-14"}
    assert operator.post(url, backwards).status_code == 400


def test_the_generator_answers_with_what_it_did(cast: Cast, operator: APIClient) -> None:
    with campus_scope(cast.campus):
        a_slot(cast.course)
        a_slot(apart("EC100-A", cast.classroom))
        Holiday.objects.create(name="H", first_day="2026-09-21", last_day="2026-09-21")
    period = {"first_day": "2026-09-14", "last_day": "2026-09-27"}
    body = operator.post("/api/v1/timetable/generate", period).json()
    assert (body["created"], body["existing"], body["skipped_holiday"]) == (1, 0, 2)
    assert [clash["code"] for clash in body["clashes"]] == ["room_taken"]
    wrong = {"first_day": "2026-09-14", "last_day": "2026-09-13"}
    assert operator.post("/api/v1/timetable/generate", wrong).status_code == 400


def test_the_calendar_link_is_shown_once_and_rotates(cast: Cast, student: APIClient) -> None:
    url = "/api/v1/me/calendar-link"
    first, second = (student.post(url).json()["url"] for _n in range(2))
    assert first != second
    with campus_scope(cast.campus):
        link = CalendarLink.objects.get()
    assert bytes(link.token_hash) not in second.encode()
    assert student.get(first.removeprefix("http://north.example")).status_code == 404
    assert student.get(second.removeprefix("http://north.example")).status_code == 200
    assert student.delete(url).status_code == 204
    assert student.get(second.removeprefix("http://north.example")).status_code == 404
    assert student.delete(url).status_code == 404


def test_slots_keep_their_monday(cast: Cast) -> None:
    with campus_scope(cast.campus):
        a_slot(cast.course)
        generate(MONDAY, MONDAY)
        assert WeeklySlot.objects.get().generated.get().week == MONDAY


@pytest.mark.parametrize("method", ["patch", "delete"])
@pytest.mark.parametrize("table", ["timetable_weeklyslot", "timetable_holiday"])
def test_what_is_changed_is_read_after_the_other_planner_is_done(
    operator: APIClient, cast: Cast, method: str, table: str
) -> None:
    """Rows are saved whole: read before the lock, they would undo what another saved meanwhile."""
    with campus_scope(cast.campus):
        slot = a_slot(cast.course)
        day = Holiday.objects.create(name="Storm", first_day=MONDAY, last_day=MONDAY)
    kind, row = ("slots", slot) if table == "timetable_weeklyslot" else ("holidays", day)
    with CaptureQueriesContext(connection) as captured:
        answer = getattr(operator, method)(f"/api/v1/timetable/{kind}/{row.pk}", {})
    assert answer.status_code == 200
    asked = [query["sql"] for query in captured]
    locked = next(number for number, sql in enumerate(asked) if "pg_advisory_xact_lock" in sql)
    read = next(number for number, sql in enumerate(asked) if f'FROM "{table}"' in sql)
    assert locked < read
