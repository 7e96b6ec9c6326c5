"""Registers that nobody took: which sessions, for whom, and one reminder each."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import Policy
from apps.attendance.selectors.not_taken import registers_not_taken
from apps.attendance.services.bulk_marking import MarkInput
from apps.attendance.services.register import register_take
from apps.attendance.services.reminders import registers_remind
from apps.enrollments.models import Department
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel
from apps.timetable.models import Holiday
from tests.api.support import client_of
from tests.factories import Cast, make_session, make_term
from tests.leave.support import ADA, DAY, opened

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def missed(now: datetime, **filters: Any) -> set[int]:
    return set(registers_not_taken(now=now, **filters).values_list("pk", flat=True))


def test_a_session_is_missed_when_its_opening_window_is_over(
    in_campus: Cast, now: datetime
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    assert missed(now + HOUR) == set()
    assert missed(now + HOUR + timedelta(seconds=1)) == {session.pk}
    session.refresh_from_db()
    assert session.status == ClassSession.Status.SCHEDULED


def test_the_window_is_that_of_the_courses_policy(in_campus: Cast, now: datetime) -> None:
    slow = make_session(in_campus.course, starts_at=now)
    quick = make_session(in_campus.other_course, starts_at=now)
    Policy.objects.create(version=1, open_after_minutes=20, created_at=now)
    Policy.objects.create(course=in_campus.course, version=1, open_after_minutes=90, created_at=now)
    assert missed(now + timedelta(minutes=21)) == {quick.pk}
    assert missed(now + timedelta(minutes=91)) == {quick.pk, slow.pk}


def test_opened_cancelled_and_later_taken_sessions_are_not_missed(
    in_campus: Cast, now: datetime
) -> None:
    opened(in_campus, now)
    cancelled = make_session(in_campus.course, starts_at=now + DAY)
    session_cancel(session=cancelled, reason="ill", now=now, actor=ADA)
    taken = make_session(in_campus.course, starts_at=now + 2 * DAY)
    later = now + 3 * DAY
    assert missed(later) == {taken.pk}
    marks = [MarkInput(student_id=in_campus.student.pk, status="present", was="")]
    register_take(session=taken, marks=marks, topic="T", nonce="nonce-0001", now=later, actor=ADA)
    assert missed(later) == set()


def test_only_terms_under_way_count_unless_another_is_asked_for(
    in_campus: Cast, now: datetime
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    next_year = datetime.fromisoformat("2027-03-01T08:00:00+00:00")
    assert missed(next_year) == set()
    assert missed(next_year, term=in_campus.course.term_id) == {session.pk}
    assert missed(now + DAY, term=make_term(name="Spring").pk) == set()


@pytest.mark.parametrize(
    ("scope", "off"), [("campus", True), ("department", True), ("course", True), ("other", False)]
)
def test_days_without_classes_do_not_count(
    in_campus: Cast, now: datetime, scope: str, off: bool
) -> None:
    """A holiday that was declared afterwards; the day is the campus's, not UTC's."""
    starts_at = datetime.fromisoformat("2026-09-14T22:30:00+00:00")  # the 15th in Berlin
    session = make_session(in_campus.course, starts_at=starts_at)
    whose = {
        "campus": {},
        "department": {"department": in_campus.course.section.department},
        "course": {"course": in_campus.course},
        "other": {"department": Department.objects.create(code="LAW", name="Law")},
    }[scope]
    day = date(2026, 9, 15)
    Holiday.objects.create(name="Storm", first_day=day, last_day=day, **whose)
    assert missed(now + 2 * DAY) == (set() if off else {session.pk})


def test_lecturers_are_reminded_once_of_each(in_campus: Cast, now: datetime) -> None:
    make_session(in_campus.course, starts_at=now)
    make_session(in_campus.other_course, starts_at=now)
    make_session(in_campus.course, starts_at=now - 10 * DAY)  # too long ago for a message
    assert registers_remind(now=now + DAY) == 2
    assert registers_remind(now=now + 2 * DAY) == 0
    told = {
        message.data["course"]: set(message.deliveries.values_list("user_id", flat=True))
        for message in Message.objects.filter(kind="register_not_taken")
    }
    assert told == {
        str(in_campus.course): {in_campus.lecturer.user_id},
        str(in_campus.other_course): {in_campus.outsider.user_id},
    }


def test_a_lecturer_sees_the_own_ones_and_the_principal_all(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.leave.api.views.timezone.now", lambda: now + DAY)
    mine = make_session(in_campus.course, starts_at=now)
    theirs = make_session(in_campus.other_course, starts_at=now)

    def listed(user: Any, **query: Any) -> list[int]:
        answer = client_of(in_campus, user).get("/api/v1/registers/not-taken", query)
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert listed(in_campus.lecturer.user) == [mine.pk]
    assert set(listed(in_campus.principal)) == {mine.pk, theirs.pk}
    assert listed(in_campus.principal, faculty=in_campus.outsider.pk) == [theirs.pk]
    assert listed(in_campus.principal, since=(now + HOUR).isoformat()) == []


def test_the_list_takes_the_same_statements_for_any_number(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.leave.api.views.timezone.now", lambda: now + 9 * DAY)
    client = client_of(in_campus, in_campus.principal)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/api/v1/registers/not-taken").status_code == 200
        return len(queries)

    make_session(in_campus.course, starts_at=now)
    statements()
    before = statements()
    for day in range(1, 5):
        make_session(in_campus.course, starts_at=now + day * DAY)
    assert statements() == before
