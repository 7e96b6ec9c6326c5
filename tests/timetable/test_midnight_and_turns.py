"""Slots over midnight, odd and even weeks: clashes, and what every interface says."""

from datetime import date, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from apps.common.errors import Refused
from apps.enrollments.models import Term
from apps.portal.faculty.selectors import sessions_today
from apps.portal.student.selectors.courses import student_sessions_today
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from apps.timetable.services import slot_create, slots_create
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast, make_session
from tests.imports.support import counts, do_import
from tests.phone import signed_in
from tests.timetable.support import ADA, MONDAY, NOW, a_slot, apart, generate, starts
from tests.timetable.test_feed import feed, parsed, token_of

pytestmark = pytest.mark.django_db

SLOTS = "/api/v1/timetable/slots"


def beside(cast: Cast, **fields: Any) -> WeeklySlot:
    """Another lecturer's slot in the same room, not yet saved."""
    return WeeklySlot(course=apart("EC100-A", cast.classroom), **fields)


@pytest.mark.parametrize(
    ("mine", "theirs", "meet"),
    [
        # Mondays from 23:00 to Tuesdays at 01:00.
        ({}, {"weekday": 2, "starts_at": time(0, 30), "ends_at": time(2)}, True),
        ({}, {"weekday": 2, "starts_at": time(1), "ends_at": time(2)}, False),
        ({}, {"weekday": 1, "starts_at": time(22), "ends_at": time(23)}, False),
        ({}, {"weekday": 1, "starts_at": time(23, 30), "ends_at": time(0, 30)}, True),
        # Sundays into Mondays: the week turns on the way.
        ({"weekday": 7}, {"weekday": 1, "starts_at": time(0), "ends_at": time(2)}, True),
        (
            {"weekday": 7, "parity": "odd"},
            {"weekday": 1, "starts_at": time(0), "ends_at": time(2), "parity": "even"},
            True,
        ),
        (
            {"weekday": 7, "parity": "odd"},
            {"weekday": 1, "starts_at": time(0), "ends_at": time(2), "parity": "odd"},
            False,
        ),
        # The last night runs into the day after the other one has begun.
        (
            {"valid_until": date(2026, 10, 5)},
            {
                "weekday": 2,
                "starts_at": time(0),
                "ends_at": time(2),
                "valid_from": date(2026, 10, 6),
            },
            True,
        ),
        (
            {"valid_until": date(2026, 10, 5)},
            {
                "weekday": 2,
                "starts_at": time(0),
                "ends_at": time(2),
                "valid_from": date(2026, 10, 7),
            },
            False,
        ),
    ],
)
def test_what_is_in_the_way_of_a_slot_over_midnight(
    in_campus: Cast, mine: dict[str, Any], theirs: dict[str, Any], meet: bool
) -> None:
    a_slot(in_campus.course, **{"starts_at": time(23), "ends_at": time(1), **mine})
    slot = beside(in_campus, **theirs)
    answers = slots_create(slots=[slot], source="test", now=NOW, actor=ADA)
    assert [bool(answer) for answer in answers] == [meet]
    if not meet:
        return
    with pytest.raises(Refused) as refused:
        slot_create(slot=beside_again(slot, theirs), now=NOW, actor=ADA)
    assert refused.value.code == "room_taken"


def beside_again(slot: WeeklySlot, fields: dict[str, Any]) -> WeeklySlot:
    return WeeklySlot(course=slot.course, **fields)


def test_terms_with_other_odd_weeks_are_compared_by_their_days(in_campus: Cast) -> None:
    a_slot(in_campus.course, parity="odd")
    other = apart("EC100-A", in_campus.classroom)
    other.term = Term.objects.create(
        name="Short",
        academic_year="2026-2027",
        starts_on=date(2026, 9, 8),  # a week later: its odd weeks are the other one's even ones
        ends_on=date(2026, 11, 30),
    )
    other.save()
    times = {"course": other, "weekday": 1, "starts_at": time(10), "ends_at": time(11)}
    assert slot_create(slot=WeeklySlot(parity="odd", **times), now=NOW, actor=ADA).slot.pk
    with pytest.raises(Refused):
        slot_create(slot=WeeklySlot(parity="even", **times), now=NOW, actor=ADA)


# --- Interfaces ----------------------------------------------------------------------------------


@pytest.fixture
def operator(cast: Cast) -> APIClient:
    return signed_in(cast, cast.operator)


def test_the_api_takes_a_slot_over_midnight(cast: Cast, operator: APIClient) -> None:
    body = {"course": cast.course.pk, "weekday": 1, "starts_at": "23:00", "ends_at": "01:00"}
    answer = operator.post(SLOTS, body, format="json")
    assert answer.status_code == 201, answer.content
    with campus_scope(cast.campus):
        generate(MONDAY, MONDAY)
        session = ClassSession.objects.get()
    assert session.ends_at - session.starts_at == timedelta(hours=2)
    swapped = {**body, "weekday": 3, "starts_at": "10:00", "ends_at": "09:00"}
    refused = operator.post(SLOTS, swapped, format="json")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "ends_before_start"


def test_the_page_and_the_spreadsheet_take_one_too(cast: Cast) -> None:
    form = {
        "course": cast.course.pk,
        "weekday": 1,
        "starts_at": "23:00",
        "ends_at": "01:00",
        "parity": "every",
        "is_active": "on",
    }
    admin = client_of(cast, cast.admin)
    assert admin.post(url(WeeklySlot, "add"), form).status_code == 302
    rows = [["Day", "Course", "Start", "End"], ["Tue", cast.course.code, "22:30", "00:30"]]
    assert counts(do_import(cast, "schedules", rows)) == (1, 0, 0, 0)
    with campus_scope(cast.campus):
        assert WeeklySlot.objects.filter(is_active=True).count() == 2


def test_calendars_show_the_night_whole(cast: Cast) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    begin = tomorrow.astimezone(cast.campus.zone).replace(
        hour=23, minute=0, second=0, microsecond=0
    )
    with campus_scope(cast.campus):
        make_session(cast.course, starts_at=begin, ends_at=begin + timedelta(hours=2))
    assert cast.student.user is not None
    event = parsed(feed(cast, token_of(cast, cast.student.user)).content).vevent
    assert (event.dtstart.value, event.dtend.value) == (begin, begin + timedelta(hours=2))


def test_after_midnight_it_still_stands_under_today(in_campus: Cast) -> None:
    begin = datetime.fromisoformat("2026-09-14T21:00+00:00")  # 23:00 in Berlin
    session = make_session(in_campus.course, starts_at=begin, ends_at=begin + timedelta(hours=2))
    for later, shown in ((timedelta(minutes=90), [session]), (timedelta(hours=26), [])):
        facts = {"now": begin + later}
        assert sessions_today(faculty=in_campus.lecturer, **facts) == shown
        assert student_sessions_today(student=in_campus.student, **facts) == shown


# --- Odd and even weeks --------------------------------------------------------------------------

TUESDAYS = {"odd": ["12-22", "01-05", "01-19"], "even": ["12-15", "12-29", "01-12", "01-26"]}


def test_case_44_by_rest_and_command(cast: Cast, operator: APIClient) -> None:
    courses = {"odd": cast.course, "even": cast.other_course}
    for parity, course in courses.items():
        body = {
            "course": course.pk,
            "weekday": 2,
            "starts_at": "10:00",
            "ends_at": "11:00",
            "parity": parity,
        }
        assert operator.post(SLOTS, body, format="json").status_code == 201
    period = {"first_day": "2026-12-14", "last_day": "2027-01-10"}
    assert operator.post("/api/v1/timetable/generate", period, format="json").status_code == 200
    days = ("--from", "2026-12-14", "--to", "2027-01-31", "--campus", cast.campus.slug)
    call_command("generate_sessions", *days, stdout=StringIO())
    for parity, course in courses.items():
        with campus_scope(cast.campus):
            found = ClassSession.objects.filter(course=course).order_by("starts_at")
            assert [f"{day:%m-%d}" for day in found.values_list("held_on", flat=True)] == (
                TUESDAYS[parity]
            )


def test_another_odd_week_on_the_terms_page_moves_the_sessions(cast: Cast) -> None:
    """Far in the future for the real clock, which the page reads."""
    with campus_scope(cast.campus):
        term = cast.course.term
        Term.objects.filter(pk=term.pk).update(starts_on="2126-09-01", ends_on="2127-01-31")
        slot = a_slot(cast.course, parity="odd")
        generate(date(2126, 9, 1), date(2126, 9, 30))
        before = starts()
    admin = client_of(cast, cast.admin)
    page = url(Term, "change", term.pk)
    sent = {**fields_of(admin.get(page)), "odd_week_on": "2126-09-02"}
    assert admin.post(page, sent).status_code == 302
    with campus_scope(cast.campus):
        generate(date(2126, 9, 1), date(2126, 9, 30))
        held = ClassSession.objects.filter(status="scheduled").order_by("starts_at")
        moved = [f"{session.starts_at:%Y-%m-%d %H:%M}" for session in held]
        assert slot.generated.filter(is_withdrawn=True).count() == len(before)
    assert set(moved).isdisjoint(before)
    assert moved
