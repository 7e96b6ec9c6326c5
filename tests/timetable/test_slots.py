"""Weekly slots against each other, and the sessions that follow them."""

from datetime import date, time, timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.audit.models import Entry
from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Term
from apps.notifications.models import Delivery, Message
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel, session_change
from apps.timetable.models import GeneratedSession, Holiday, WeeklySlot
from apps.timetable.services import SlotResult, slot_create, slot_remove, slot_update
from tests.factories import Cast, make_classroom
from tests.timetable.support import ADA, MONDAY, NOW, a_slot, apart, fresh, generate, starts

pytestmark = pytest.mark.django_db
THREE_WEEKS = MONDAY + timedelta(days=14)


def create(slot: WeeklySlot) -> SlotResult:
    return slot_create(slot=slot, now=NOW, actor=ADA)


def update(slot: WeeklySlot, **changes: object) -> SlotResult:
    return slot_update(slot=fresh(slot, **changes), now=NOW, actor=ADA)


def new(course: object, **fields: object) -> WeeklySlot:
    return WeeklySlot(
        course=course, **{"weekday": 1, "starts_at": time(11), "ends_at": time(12), **fields}
    )


@pytest.mark.parametrize(
    ("shared", "code"),
    [
        ("classroom", "room_taken"),
        ("faculty", "lecturer_busy"),
        ("section", "section_busy"),
    ],
)
def test_slots_that_share_something_are_refused_by_name(
    in_campus: Cast, shared: str, code: str
) -> None:
    a_slot(in_campus.course)
    other = apart("EC100-A")
    setattr(other, shared, getattr(in_campus.course, shared))
    other.save()
    with pytest.raises(Refused) as refused:
        create(new(other))
    assert refused.value.code == code
    assert refused.value.message.endswith(": CS201-A Monday 10:00–11:30, Main 101.")


@pytest.mark.parametrize(
    "fields",
    [
        {"starts_at": time(11, 30)},
        {"weekday": 2},
        {"parity": "even"},
        {"valid_from": date(2026, 11, 1)},
    ],
)
def test_slots_that_never_meet_stand_side_by_side(in_campus: Cast, fields: dict) -> None:
    a_slot(in_campus.course, parity="odd", valid_until=date(2026, 10, 31))
    assert create(new(apart("EC100-A", in_campus.classroom), **fields)).slot.pk


def test_slots_of_different_terms_never_meet(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    other = apart("EC100-A", in_campus.classroom)
    other.term = Term.objects.create(
        name="Spring", academic_year="2026-2027", starts_on="2027-02-01", ends_on="2027-06-30"
    )
    other.save()
    other.refresh_from_db()
    assert create(new(other)).slot.pk


def test_another_room_for_the_slot_settles_it(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    other = apart("EC100-A", in_campus.classroom)
    assert create(new(other, classroom=make_classroom("Lab"))).slot.pk


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ends_at": time(10)}, "ends_before_start"),
        ({"ends_at": time(8)}, "ends_before_start"),
        ({"valid_from": date(2027, 3, 1)}, "outside_term"),
    ],
)
def test_impossible_slots_are_refused(in_campus: Cast, fields: dict, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        create(new(in_campus.course, **fields))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"ends_at": time(8)}, "ends_before_start"),
        ({"valid_from": date(2026, 10, 2), "valid_until": date(2026, 10, 1)}, "bad_period"),
    ],
)
def test_a_slot_is_sound_even_when_it_is_put_aside(
    in_campus: Cast, fields: dict, code: str
) -> None:
    slot = a_slot(in_campus.course)
    with pytest.raises(Invalid) as refused:
        update(slot, is_active=False, **fields)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"weekday": 0},
        {"weekday": 8},
        {"parity": "third"},
        {"ends_at": time(9)},
        {"valid_from": date(2026, 10, 2), "valid_until": date(2026, 10, 1)},
    ],
)
def test_the_database_refuses_what_is_no_slot(in_campus: Cast, change: dict) -> None:
    a_slot(in_campus.course)
    with pytest.raises(IntegrityError), transaction.atomic():
        WeeklySlot.objects.update(**change)


def test_a_changed_slot_takes_its_sessions_along(in_campus: Cast) -> None:
    """Same rows, other times: what students saw and wrote down stays one session."""
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    before = list(ClassSession.objects.order_by("pk").values_list("pk", flat=True))
    lab = make_classroom("Lab")
    result = update(slot, weekday=3, starts_at=time(8), ends_at=time(9), classroom=lab)
    assert (result.moved, result.cancelled, result.kept) == (3, 0, 0)
    assert starts() == ["2026-09-16 06:00", "2026-09-23 06:00", "2026-09-30 06:00"]
    assert list(ClassSession.objects.order_by("pk").values_list("pk", flat=True)) == before
    assert set(ClassSession.objects.values_list("classroom", flat=True)) == {lab.pk}
    again = generate(MONDAY, THREE_WEEKS + timedelta(days=2))
    assert (again.created, again.existing) == (0, 3)
    entry = Entry.objects.get(action="timetable.slot.changed")
    assert (entry.data["before"]["weekday"], entry.data["after"]["weekday"]) == (1, 3)


def test_sessions_changed_by_hand_are_left_where_they_are(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    edited, cancelled, _last = ClassSession.objects.order_by("starts_at")
    session_change(
        session=edited,
        starts_at=edited.starts_at,
        ends_at=edited.ends_at,
        classroom=None,
        now=NOW,
        actor=ADA,
    )
    session_cancel(session=cancelled, reason="ill", now=NOW, actor=ADA)
    result = update(slot, weekday=2)
    assert (result.moved, result.kept) == (1, 1)
    assert starts() == ["2026-09-14 08:00", "2026-09-21 08:00", "2026-09-29 08:00"]


def test_a_session_whose_new_place_is_taken_stays_and_is_reported(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    a_slot(apart("EC100-A", in_campus.classroom), weekday=2, valid_until=date(2026, 9, 15))
    generate(MONDAY, THREE_WEEKS)
    with pytest.raises(Refused):  # the slots themselves clash on 15 September
        update(slot, weekday=2)
    WeeklySlot.objects.filter(course__code="EC100-A").update(is_active=False)
    result = update(slot, weekday=2)
    assert result.moved == 2
    (clash,) = result.clashes
    assert clash.startswith("2026-09-15: The room is taken: EC100-A")
    assert "2026-09-14 08:00" in starts()


def test_past_sessions_do_not_follow(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    later = NOW + timedelta(days=2)  # Tuesday morning
    slot_update(slot=fresh(slot, weekday=5), now=later, actor=ADA)
    assert starts()[0] == "2026-09-14 08:00"
    # To a day of this week that is over: this week's stays, the others go.
    slot_update(slot=fresh(slot, weekday=1), now=later + timedelta(days=7), actor=ADA)
    assert starts() == ["2026-09-14 08:00", "2026-09-25 08:00", "2026-09-28 08:00"]


def test_a_removed_slot_takes_its_sessions_away_and_gives_them_back(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    kept = ClassSession.objects.order_by("starts_at")[0]
    session_change(
        session=kept,
        starts_at=kept.starts_at + timedelta(hours=1),
        ends_at=kept.ends_at + timedelta(hours=1),
        classroom=kept.classroom,
        now=NOW,
        actor=ADA,
    )
    result = slot_remove(slot=slot, now=NOW, actor=ADA)
    assert (result.cancelled, result.kept) == (2, 1)
    assert not result.slot.is_active
    assert ClassSession.objects.filter(status="cancelled").count() == 2
    assert generate(MONDAY, THREE_WEEKS).created == 0
    back = update(slot, is_active=True)
    assert (back.moved, back.kept) == (2, 1)
    assert not ClassSession.objects.filter(status="cancelled").exists()


def test_weeks_that_the_slot_no_longer_has_are_cancelled(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    Holiday.objects.create(name="H", first_day=date(2026, 9, 22), last_day=date(2026, 9, 22))
    generate(MONDAY, THREE_WEEKS)
    result = update(slot, weekday=2, valid_until=date(2026, 9, 22))
    assert (result.moved, result.cancelled) == (1, 2)  # a holiday, and after the last day
    assert GeneratedSession.objects.filter(is_withdrawn=True).count() == 2


def test_a_change_of_lecturer_reaches_the_sessions_with_the_slot(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    in_campus.course.faculty = in_campus.outsider
    in_campus.course.save()
    assert update(slot).moved == 1
    assert ClassSession.objects.get().faculty == in_campus.outsider


def test_a_slot_stays_with_its_course(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    with pytest.raises(Invalid) as refused:
        update(slot, course=in_campus.other_course)
    assert refused.value.code == "other_course"


def test_everybody_concerned_is_told_once(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, THREE_WEEKS)
    update(slot, weekday=4)
    message = Message.objects.get(kind="session_moved")
    people = set(
        Delivery.objects.filter(message=message, channel="inbox").values_list("user_id", flat=True)
    )
    assert people == {
        person.user_id
        for person in (
            in_campus.representative,
            in_campus.student,
            in_campus.classmate,
            in_campus.lecturer,
        )
    }


def test_saving_without_a_change_does_nothing(in_campus: Cast) -> None:
    slot = a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    update(slot)
    assert not Entry.objects.filter(action="timetable.slot.changed").exists()
    assert not Message.objects.exists()


def test_a_room_that_is_too_small_is_a_warning(in_campus: Cast) -> None:
    in_campus.classroom.capacity = 2
    in_campus.classroom.save()
    result = create(new(in_campus.course))
    assert [warning.enrolled for warning in result.warnings] == [3]
