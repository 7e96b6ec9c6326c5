"""Class sessions: what the database refuses to any writer."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.sessions.models import ClassSession
from tests.factories import Cast, make_session

pytestmark = pytest.mark.django_db


def test_a_session_starts_scheduled_with_empty_counters(in_campus: Cast) -> None:
    session = make_session(in_campus.course)
    assert session.status == "scheduled"
    assert (session.total_enrolled, session.total_attended) == (0, 0)
    assert session.attendance_percentage == 0


@pytest.mark.parametrize(
    "change",
    [
        {"status": "asleep"},
        {"attendance_percentage": "100.01"},
        {"attendance_percentage": "-0.01"},
        {"status": "open"},
        {"status": "completed"},
    ],
)
def test_impossible_states_are_refused(in_campus: Cast, change: dict) -> None:
    make_session(in_campus.course)
    with pytest.raises(IntegrityError), transaction.atomic():
        ClassSession.objects.update(**change)


def test_a_session_ends_after_it_starts(in_campus: Cast) -> None:
    session = make_session(in_campus.course)
    with pytest.raises(IntegrityError), transaction.atomic():
        ClassSession.objects.update(ends_at=session.starts_at)


def test_a_course_meets_once_at_a_time_unless_the_first_was_cancelled(in_campus: Cast) -> None:
    session = make_session(in_campus.course)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_session(in_campus.course)
    ClassSession.objects.filter(pk=session.pk).update(status="cancelled")
    assert make_session(in_campus.course).pk


def test_sessions_come_newest_first(in_campus: Cast) -> None:
    first = make_session(in_campus.course)
    later = make_session(in_campus.course, starts_at=first.starts_at + timedelta(days=1))
    assert list(ClassSession.objects.all()) == [later, first]
