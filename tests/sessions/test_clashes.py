"""Rooms, lecturers and sections are in one place at a time: the database keeps it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.attendance.services.register import register_open_now
from apps.audit.models import Entry
from apps.common.errors import Invalid, Refused
from apps.sessions.models import ClassSession
from apps.sessions.services import (
    session_cancel,
    session_change,
    session_create,
    session_remove,
    sessions_swap,
)
from tests.factories import Cast, make_classroom, make_session
from tests.timetable.support import ADA, apart

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def planned(course: Any, starts_at: datetime, **fields: Any) -> ClassSession:
    return make_session(
        course, starts_at=starts_at, ends_at=starts_at + HOUR, is_planned=True, **fields
    )


def create(course: Any, starts_at: datetime, now: datetime, **fields: Any) -> ClassSession:
    return session_create(
        course=course, starts_at=starts_at, ends_at=starts_at + HOUR, now=now, actor=ADA, **fields
    )


@pytest.mark.parametrize(
    ("shared", "code", "what"),
    [
        ("classroom", "room_taken", "The room is taken"),
        ("faculty", "lecturer_busy", "The lecturer is busy"),
        ("section", "section_busy", "The section is busy"),
    ],
)
def test_a_clash_is_refused_by_name(
    in_campus: Cast, now: datetime, shared: str, code: str, what: str
) -> None:
    first = planned(in_campus.course, now)
    other = apart("EC100-A")
    setattr(other, shared, getattr(in_campus.course, shared))
    other.save()
    with pytest.raises(Refused) as refused:
        create(other, now + timedelta(minutes=59), now)
    assert refused.value.code == code
    assert refused.value.message == (
        f"{what}: CS201-A Algorithms, Main 101, 2026-09-14 10:00–11:00."
    )
    assert refused.value.extra["session"] == first.pk
    assert create(other, now + HOUR, now).section == other.section


@pytest.mark.parametrize("shared", ["classroom", "faculty", "section"])
def test_the_database_keeps_it_whoever_writes(in_campus: Cast, now: datetime, shared: str) -> None:
    planned(in_campus.course, now)
    other = apart("EC100-A")
    setattr(other, shared, getattr(in_campus.course, shared))
    other.save()
    with pytest.raises(IntegrityError, match=r"session_[a-z]+_free"), transaction.atomic():
        planned(other, now + timedelta(minutes=30))


def test_campuses_do_not_stand_in_each_others_way(
    in_campus: Cast, other_cast: Cast, now: datetime
) -> None:
    from apps.tenants.scope import campus_scope

    planned(in_campus.course, now)
    with campus_scope(other_cast.campus):
        assert planned(other_cast.course, now).pk


def test_online_sessions_share_no_room(in_campus: Cast, now: datetime) -> None:
    for code in ("EC100-A", "EC200-A"):
        course = apart(code)
        course.classroom = None
        course.save()
        assert planned(course, now).classroom is None


def test_a_cancelled_session_gives_its_place_free(in_campus: Cast, now: datetime) -> None:
    session_cancel(session=planned(in_campus.course, now), reason="ill", now=now, actor=ADA)
    assert create(in_campus.course, now, now).pk


def test_a_class_that_waits_starts_although_the_room_is_taken(
    in_campus: Cast, now: datetime
) -> None:
    """Room, lecturer and section are all booked; three hundred students stand there."""
    other = apart("EC100-A", in_campus.classroom)
    planned(other, now - timedelta(minutes=30))
    planned(in_campus.course, now + timedelta(minutes=40))
    in_campus.other_course.faculty = in_campus.lecturer
    in_campus.other_course.classroom = in_campus.classroom
    in_campus.other_course.save()
    session = register_open_now(course=in_campus.other_course, topic="T", now=now, actor=ADA)
    assert session.status == "open"
    assert not session.is_planned


def test_a_change_is_checked_and_recorded(in_campus: Cast, now: datetime) -> None:
    session = planned(in_campus.course, now, topic="Sorting")
    planned(apart("EC100-A", in_campus.classroom), now + 2 * HOUR)
    facts = {"session": session, "now": now, "actor": ADA, "classroom": in_campus.classroom}
    with pytest.raises(Refused) as refused:
        session_change(starts_at=now + 2 * HOUR, ends_at=now + 3 * HOUR, **facts)
    assert refused.value.code == "room_taken"
    with pytest.raises(Invalid):
        session_change(starts_at=now + HOUR, ends_at=now + HOUR, **facts)
    changed = session_change(starts_at=now + HOUR, ends_at=now + 2 * HOUR, **facts)
    assert (changed.topic, changed.revision) == ("Sorting", 1)
    data = Entry.objects.get(action="sessions.session.changed").data
    assert data["before"]["starts_at"] == "2026-09-14T08:00:00+00:00"
    assert data["after"]["starts_at"] == "2026-09-14T09:00:00+00:00"
    session_change(starts_at=now + HOUR, ends_at=now + 2 * HOUR, **facts)
    assert Entry.objects.filter(action="sessions.session.changed").count() == 1


def test_opened_sessions_are_not_moved(in_campus: Cast, now: datetime) -> None:
    session = register_open_now(course=in_campus.course, topic="T", now=now, actor=ADA)
    with pytest.raises(Refused) as refused:
        session_change(
            session=session,
            starts_at=now + HOUR,
            ends_at=now + 2 * HOUR,
            classroom=None,
            now=now,
            actor=ADA,
        )
    assert refused.value.code == "not_scheduled"


def test_two_sessions_exchange_their_places(in_campus: Cast, now: datetime) -> None:
    other = apart("EC100-A")
    first, second = planned(in_campus.course, now), planned(other, now + HOUR)
    sessions_swap(first=first, second=second, now=now, actor=ADA)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.starts_at, first.classroom) == (now + HOUR, other.classroom)
    assert (second.starts_at, second.classroom) == (now, in_campus.classroom)
    assert first.status == second.status == "scheduled"
    assert first.faculty == in_campus.lecturer
    assert Entry.objects.filter(action="sessions.session.swapped").count() == 2


def test_sessions_of_one_course_can_be_exchanged(in_campus: Cast, now: datetime) -> None:
    lab = make_classroom("Lab")
    first = planned(in_campus.course, now)
    second = planned(in_campus.course, now + timedelta(days=1), classroom=lab)
    sessions_swap(first=first, second=second, now=now, actor=ADA)
    first.refresh_from_db()
    assert (first.starts_at, first.classroom) == (now + timedelta(days=1), lab)


def test_an_exchange_that_clashes_leaves_both_as_they_were(in_campus: Cast, now: datetime) -> None:
    """The second's lecturer teaches something else at the first's time."""
    other = apart("EC100-A")
    third = apart("EC200-A")
    third.faculty = other.faculty
    third.save()
    first, second = planned(in_campus.course, now), planned(other, now + HOUR)
    planned(third, now)
    with pytest.raises(Refused) as refused:
        sessions_swap(first=first, second=second, now=now, actor=ADA)
    assert refused.value.code == "lecturer_busy"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.starts_at, first.status) == (now, "scheduled")
    assert second.starts_at == now + HOUR
    with pytest.raises(Invalid):
        sessions_swap(first=first, second=first, now=now, actor=ADA)


def test_a_session_is_deleted_unless_something_hangs_on_it(in_campus: Cast, now: datetime) -> None:
    """AMS-22."""
    from apps.checkin.models import CheckInAttempt

    bare = planned(in_campus.course, now)
    tried = planned(in_campus.course, now + 2 * HOUR)
    CheckInAttempt.objects.create(
        session=tried,
        student=in_campus.student,
        nonce="n",
        method="qr",
        outcome="refused",
        received_at=now,
    )
    assert session_remove(session=bare, reason="", now=now, actor=ADA) is None
    cancelled = session_remove(session=tried, reason="x", now=now, actor=ADA)
    assert cancelled is not None
    assert cancelled.status == "cancelled"
    assert list(ClassSession.objects.all()) == [tried]
    assert Entry.objects.filter(action="sessions.session.deleted").count() == 1


def test_held_sessions_are_neither_deleted_nor_cancelled(in_campus: Cast, now: datetime) -> None:
    """AMS-22: their register is history."""
    session = register_open_now(course=in_campus.course, topic="T", now=now, actor=ADA)
    with pytest.raises(Refused):
        session_remove(session=session, reason="", now=now, actor=ADA)
    session.refresh_from_db()
    assert session.status == "open"


def test_the_revision_counts_what_a_calendar_shows(in_campus: Cast, now: datetime) -> None:
    session = planned(in_campus.course, now)
    rows = ClassSession.objects.filter(pk=session.pk)
    rows.update(total_enrolled=3)
    rows.update(status="open", opened_at=now)
    session.refresh_from_db()
    assert session.revision == 0
    rows.update(topic="Heaps")
    rows.update(classroom=None, revision=0)
    session.refresh_from_db()
    assert session.revision == 2
