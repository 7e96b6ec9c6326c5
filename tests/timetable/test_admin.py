"""The timetable in the administration: through the services, with an answer that says enough."""

from datetime import time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.models import CalendarLink, GeneratedSession, Holiday, WeeklySlot
from apps.timetable.services import calendar_link_create
from tests.admin.support import client_of, fields_of, url
from tests.admin.test_admin_queries import statements
from tests.factories import Cast, make_classroom, make_session
from tests.timetable.support import ADA, a_slot, apart, mondays_ahead

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(cast: Cast) -> Client:
    """An administrator; the term is widened to hold the day of the test."""
    with campus_scope(cast.campus):
        cast.course.term.starts_on, cast.course.term.ends_on = "2020-01-01", "2090-01-01"
        cast.course.term.save()
    return client_of(cast, cast.admin)


def said(answer: object) -> str:
    return " ".join(str(message) for message in answer.context["messages"])  # type: ignore[attr-defined]


def run(client: Client, model: type, *rows: object) -> str:
    form = {"action": "generate", "_selected_action": [row.pk for row in rows]}  # type: ignore[attr-defined]
    answer = client.post(url(model, "changelist"), form, follow=True)
    assert answer.status_code == 200
    return said(answer)


def test_slots_are_added_on_the_page_of_their_course(cast: Cast, client: Client) -> None:
    page = url(Course, "change", cast.course.pk)
    form = fields_of(client.get(page))
    form |= {
        "slots-TOTAL_FORMS": 1,
        "slots-0-weekday": 1,
        "slots-0-starts_at": "10:00",
        "slots-0-ends_at": "11:30",
        "slots-0-parity": "every",
        "slots-0-is_active": "on",
    }
    answer = client.post(page, form, follow=True)
    assert answer.status_code == 200
    with campus_scope(cast.campus):
        assert str(WeeklySlot.objects.get()) == "CS201-A Monday 10:00–11:30"


def test_a_course_s_page_asks_no_more_for_many_slots(cast: Cast, client: Client) -> None:
    page = url(Course, "change", cast.course.pk)
    with campus_scope(cast.campus):
        a_slot(cast.course, classroom=cast.classroom)
    few = statements(client, page)
    with campus_scope(cast.campus):
        for hour in range(10):
            room = make_classroom(f"L{hour}")
            a_slot(cast.course, starts_at=time(hour), ends_at=time(hour + 1), classroom=room)
    assert statements(client, page) == few


def test_a_slot_that_clashes_is_said_and_nothing_is_saved(cast: Cast, client: Client) -> None:
    with campus_scope(cast.campus):
        a_slot(apart("EC100-A", cast.classroom))
    form = {
        "course": cast.course.pk,
        "weekday": 1,
        "starts_at": "11:00",
        "ends_at": "12:00",
        "parity": "every",
        "is_active": "on",
    }
    answer = client.post(url(WeeklySlot, "add"), form, follow=True)
    assert "The room is taken: EC100-A Monday 10:00–11:30, Main 101." in said(answer)
    with campus_scope(cast.campus):
        assert WeeklySlot.objects.count() == 1


@pytest.mark.parametrize("of", ["course", "slot"])
def test_sessions_are_made_on_demand(cast: Cast, client: Client, of: str) -> None:
    with campus_scope(cast.campus):
        slot = a_slot(cast.course)
    row = cast.course if of == "course" else slot
    number = mondays_ahead(cast)
    assert f"{number} sessions made, 0 were there" in run(client, type(row), row)
    assert f"0 sessions made, {number} were there" in run(client, type(row), row)
    page = client.get(url(GeneratedSession, "changelist"))
    assert page.status_code == 200
    assert b"CS201-A Monday" in page.content


def test_clashes_of_a_run_are_listed(cast: Cast, client: Client) -> None:
    with campus_scope(cast.campus):
        one = a_slot(cast.course)
        two = a_slot(apart("EC100-A", cast.classroom))
    text = run(client, WeeklySlot, one, two)
    assert f"{mondays_ahead(cast)} clash" in text
    assert "The room is taken" in text


def test_a_slot_moved_on_its_page_takes_its_sessions_along(cast: Cast, client: Client) -> None:
    with campus_scope(cast.campus):
        slot = a_slot(cast.course)
    run(client, WeeklySlot, slot)
    page = url(WeeklySlot, "change", slot.pk)
    form = fields_of(client.get(page)) | {"starts_at": "12:00", "ends_at": "13:00"}
    assert "Sessions moved: " in said(client.post(page, form, follow=True))
    with campus_scope(cast.campus):
        later = ClassSession.objects.order_by("-starts_at")[0]
    assert later.starts_at.astimezone(cast.campus.zone).time() == time(12)


def test_holidays_are_declared_and_lifted(cast: Cast, client: Client) -> None:
    day = (timezone.now() + timedelta(days=3)).astimezone(cast.campus.zone).date()
    with campus_scope(cast.campus):
        slot = a_slot(cast.course, weekday=day.isoweekday())
    run(client, WeeklySlot, slot)
    form = {"name": "Storm", "first_day": day, "last_day": day}
    declared = client.post(url(Holiday, "add"), form, follow=True)
    assert "1 session is cancelled." in said(declared)
    with campus_scope(cast.campus):
        holiday = Holiday.objects.get()
    page = url(Holiday, "delete", holiday.pk)
    assert "1 session takes place again." in said(client.post(page, {"post": "yes"}, follow=True))


def test_a_planned_session_that_clashes_is_refused_in_its_form(cast: Cast, client: Client) -> None:
    """Also where only the section is shared, which the form does not show."""
    with campus_scope(cast.campus):
        other = apart("EC100-A")
        other.section = cast.course.section
        other.save()
        first = make_session(other, is_planned=True)
    day, hour = "2026-09-14", "10:30:00"  # on the campus's clock
    form = {
        "course": cast.course.pk,
        "faculty": cast.lecturer.pk,
        "classroom": "",
        "topic": "",
        "starts_at_0": day,
        "starts_at_1": hour,
        "ends_at_0": day,
        "ends_at_1": "11:00:00",
    }
    answer = client.post(url(ClassSession, "add"), form)
    assert answer.status_code == 200
    assert b"The section is busy: EC100-A Algorithms" in answer.content
    with campus_scope(cast.campus):
        assert list(ClassSession.objects.all()) == [first]
    form["starts_at_1"], form["ends_at_1"] = "11:30:00", "12:00:00"
    assert client.post(url(ClassSession, "add"), form).status_code == 302


def test_an_administrator_ends_a_calendar_link(cast: Cast, client: Client) -> None:
    with campus_scope(cast.campus):
        token = calendar_link_create(user=cast.student.user, now=timezone.now(), actor=ADA)
        link = CalendarLink.objects.get()
    assert token.encode() not in client.get(url(CalendarLink, "changelist")).content
    client.post(url(CalendarLink, "delete", link.pk), {"post": "yes"})
    with campus_scope(cast.campus):
        assert not CalendarLink.objects.exists()
