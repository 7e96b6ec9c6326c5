"""The week's page of students and lecturers."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.models import CalendarLink
from tests.factories import Cast, make_session
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=timezone.now(), topic="Sets")


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


def test_both_sides_see_the_lesson_and_others_do_not(
    cast: Cast, student: Client, lesson: ClassSession
) -> None:
    for person in (student, client_of(cast, cast.lecturer.user)):
        assert b"Sets" in person.get("/week/").content
    for user in (cast.stranger.user, cast.outsider.user):
        assert b"Sets" not in client_of(cast, user).get("/week/").content


def test_other_weeks_are_a_step_away(cast: Cast, student: Client, lesson: ClassSession) -> None:
    day = timezone.localdate(lesson.starts_at, cast.campus.zone) + timedelta(days=7)
    after = student.get("/week/", {"date": str(day)})
    assert b"Sets" not in after.content
    assert b"Sets" in student.get(f"/week/?date={day - timedelta(days=7)}").content


@pytest.mark.parametrize("date", ["2026-02-30", "yesterday", "0001-01-01", "9999-12-31"])
def test_a_senseless_day_is_this_week(student: Client, lesson: ClassSession, date: str) -> None:
    assert b"Sets" in student.get("/week/", {"date": date}).content


def test_a_cancelled_lesson_stays_and_says_so(
    cast: Cast, student: Client, lesson: ClassSession
) -> None:
    with campus_scope(cast.campus):
        ClassSession.objects.update(status="cancelled")
    assert b"Cancelled" in student.get("/week/").content


def test_the_calendar_address_works_and_a_new_one_ends_it(cast: Cast, student: Client) -> None:
    def address() -> str:
        shown = student.post("/week/calendar-link").content.decode()
        return shown.split('value="')[1].split('"')[0]

    first = address()
    calendar = Client(headers={"host": cast.host})
    assert calendar.get(first).status_code == 200
    assert calendar.get(address()).status_code == 200
    assert calendar.get(first).status_code == 404
    with campus_scope(cast.campus):
        assert CalendarLink.objects.count() == 1


def test_the_week_takes_the_same_number_of_statements_for_any_number_of_lessons(
    cast: Cast, student: Client, lesson: ClassSession
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            student.get("/week/")
        return len(queries)

    statements()
    before = statements()
    with campus_scope(cast.campus):
        for number in range(1, 6):
            make_session(cast.course, starts_at=lesson.starts_at + timedelta(minutes=number))
    assert statements() == before
