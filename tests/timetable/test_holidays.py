"""Holidays cancel what they cover and give it back."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.audit.models import Entry
from apps.common.errors import Invalid
from apps.enrollments.models import Department
from apps.notifications.models import Delivery, Message
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel
from apps.timetable.models import Holiday
from apps.timetable.services import (
    HolidayResult,
    holiday_create,
    holiday_remove,
    holiday_update,
)
from tests.factories import Cast, make_session
from tests.timetable.support import ADA, MONDAY, NOW, a_slot, apart, generate

pytestmark = pytest.mark.django_db
TUESDAY = MONDAY + timedelta(days=1)


def declare(**fields: object) -> HolidayResult:
    holiday = Holiday(**{"name": "Storm", "first_day": MONDAY, "last_day": MONDAY, **fields})
    return holiday_create(holiday=holiday, now=NOW, actor=ADA)


def states() -> dict[str, str]:
    found = ClassSession.objects.order_by("starts_at", "id").select_related("course")
    return {f"{s.course.code} {s.starts_at:%d}": s.status for s in found}


def test_a_holiday_cancels_the_generated_sessions_of_its_days(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    by_hand = make_session(
        apart("EC100-A"), starts_at=datetime(2026, 9, 14, 12, tzinfo=UTC), is_planned=True
    )
    generate(MONDAY, TUESDAY)
    result = declare()
    assert result.cancelled == 1
    assert states() == {
        "CS201-A 14": "cancelled",
        "EC100-A 14": "scheduled",
        "CS201-A 15": "scheduled",
    }
    assert by_hand.status == "scheduled"
    entry = Entry.objects.get(action="sessions.session.cancelled")
    assert entry.data == {"reason": "Storm"}
    assert generate(MONDAY, TUESDAY).created == 0


def test_scopes_narrow_it(in_campus: Cast) -> None:
    for course in (in_campus.course, apart("EC100-A"), apart("EC200-A")):
        a_slot(course)
    generate(MONDAY, MONDAY)
    assert declare(course=in_campus.course).cancelled == 1
    assert declare(department=Department.objects.get(code="ECE")).cancelled == 2


def test_everybody_who_loses_a_session_is_told_once(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    generate(MONDAY, TUESDAY)
    declare(last_day=TUESDAY)
    message = Message.objects.get(kind="session_cancelled")
    assert message.data["name"] == "Storm"
    assert Delivery.objects.filter(message=message, channel="inbox").count() == 4
    stranger = in_campus.stranger.user_id
    assert not Delivery.objects.filter(user_id=stranger).exists()


def test_days_are_those_of_the_campus_s_clock(in_campus: Cast) -> None:
    """Monday 00:15 in Berlin is Sunday in UTC."""
    from datetime import time

    a_slot(in_campus.course, starts_at=time(0, 15), ends_at=time(1))
    generate(MONDAY, MONDAY)
    sunday = MONDAY - timedelta(days=1)
    assert declare(first_day=sunday, last_day=sunday).cancelled == 0
    assert declare().cancelled == 1


def test_a_lifted_holiday_gives_the_sessions_back(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    generate(MONDAY, TUESDAY)
    ill = ClassSession.objects.order_by("starts_at")[1]
    session_cancel(session=ill, reason="ill", now=NOW, actor=ADA)
    holiday = declare(last_day=TUESDAY).holiday
    result = holiday_remove(holiday=holiday, now=NOW, actor=ADA)
    assert (result.restored, result.clashes) == (1, [])
    assert states() == {"CS201-A 14": "scheduled", "CS201-A 15": "cancelled"}
    assert not Holiday.objects.exists()


def test_what_was_given_away_meanwhile_stays_cancelled(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    holiday = declare().holiday
    make_session(apart("EC100-A", in_campus.classroom), is_planned=True)
    result = holiday_remove(holiday=holiday, now=NOW, actor=ADA)
    assert result.restored == 0
    assert "The room is taken: EC100-A" in result.clashes[0]
    assert states()["CS201-A 14"] == "cancelled"


def test_another_holiday_on_that_day_keeps_it_free(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    first = declare().holiday
    declare(name="Strike", course=in_campus.course)
    assert holiday_remove(holiday=first, now=NOW, actor=ADA).restored == 0


def test_a_holiday_can_be_moved(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    generate(MONDAY, TUESDAY)
    holiday = declare().holiday
    holiday.first_day = holiday.last_day = TUESDAY
    result = holiday_update(holiday=holiday, now=NOW, actor=ADA)
    assert (result.restored, result.cancelled) == (1, 1)
    assert states() == {"CS201-A 14": "scheduled", "CS201-A 15": "cancelled"}


def test_another_name_touches_no_session(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    holiday = declare().holiday
    told = Message.objects.count()
    holiday.name = "Gale"
    result = holiday_update(holiday=holiday, now=NOW, actor=ADA)
    assert (result.restored, result.cancelled) == (0, 0)
    assert Message.objects.count() == told
    assert Holiday.objects.get().name == "Gale"


def test_sessions_that_have_begun_are_left_alone(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    holiday = Holiday(name="Late", first_day=MONDAY, last_day=MONDAY)
    late = datetime(2026, 9, 14, 8, 30, tzinfo=UTC)
    assert holiday_create(holiday=holiday, now=late, actor=ADA).cancelled == 0


@pytest.mark.parametrize("fields", [{"last_day": date(2026, 9, 1)}, {"department": 1, "course": 1}])
def test_impossible_holidays_are_refused(in_campus: Cast, fields: dict) -> None:
    facts = dict(fields)
    if "course" in facts:
        facts = {"course": in_campus.course, "department": Department.objects.get(code="CSE")}
    with pytest.raises(Invalid):
        declare(**facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Holiday.objects.create(**{"name": "H", "first_day": MONDAY, "last_day": MONDAY, **facts})
