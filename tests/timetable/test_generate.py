"""The generator: what it makes, what it leaves alone, what it reports, and how much it asks."""

from datetime import UTC, date, datetime, time, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Entry
from apps.common.errors import Invalid
from apps.enrollments.models import Course, Department, Section, Term
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel, session_change
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.timetable.models import GeneratedSession, Holiday, WeeklySlot
from apps.timetable.tasks import generate_sessions
from tests.factories import Cast, enroll, make_classroom, make_session, make_student
from tests.timetable.support import (
    ADA,
    MONDAY,
    NOW,
    SUNDAY,
    a_slot,
    apart,
    generate,
    mondays_ahead,
    starts,
)

pytestmark = pytest.mark.django_db


def test_on_a_sunday_mondays_sessions_are_made_once(in_campus: Cast) -> None:
    """AMS-54: made once, nothing by the second run, both of two slots on one day."""
    a_slot(in_campus.course)
    a_slot(in_campus.course, starts_at=time(14), ends_at=time(16))
    first = generate(SUNDAY, MONDAY)
    assert (first.created, first.existing, first.clashes) == (2, 0, [])
    assert starts() == ["2026-09-14 08:00", "2026-09-14 12:00"]
    second = generate(SUNDAY, MONDAY)
    assert (second.created, second.existing) == (0, 2)
    assert ClassSession.objects.count() == 2


def test_three_slots_a_week_are_three_sessions_a_week(in_campus: Cast) -> None:
    """INT-06, without the old limit of one weekday."""
    for weekday in (1, 3, 5):
        a_slot(in_campus.course, weekday=weekday)
    assert generate(MONDAY, MONDAY + timedelta(days=13)).created == 6


def test_a_session_takes_everything_from_course_and_slot(in_campus: Cast) -> None:
    lab = make_classroom("Lab")
    a_slot(in_campus.course, classroom=lab)
    a_slot(in_campus.course, weekday=2)
    generate(MONDAY, MONDAY + timedelta(days=1))
    first, second = ClassSession.objects.order_by("starts_at")
    assert (first.classroom, second.classroom) == (lab, in_campus.classroom)
    assert first.faculty == in_campus.lecturer
    assert first.section == in_campus.course.section
    assert first.status == "scheduled"
    assert first.is_planned
    assert first.ends_at - first.starts_at == timedelta(minutes=90)


def test_holidays_are_left_out_by_scope(in_campus: Cast) -> None:
    other = apart("EC100-A")
    for course in (in_campus.course, other):
        a_slot(course)
    ece = Department.objects.get(code="ECE")
    Holiday.objects.create(name="All", first_day="2026-09-13", last_day="2026-09-15")
    Holiday.objects.create(
        name="ECE", first_day="2026-09-21", last_day="2026-09-21", department=ece
    )
    Holiday.objects.create(
        name="One", first_day="2026-09-28", last_day="2026-09-28", course=in_campus.course
    )
    result = generate(MONDAY, date(2026, 9, 28))
    assert (result.created, result.skipped_holiday) == (2, 4)
    made = set(ClassSession.objects.values_list("course__code", "starts_at__day"))
    assert made == {("CS201-A", 21), ("EC100-A", 28)}


def test_a_department_holiday_spares_courses_of_no_section(in_campus: Cast) -> None:
    in_campus.course.section = None
    in_campus.course.save()
    a_slot(in_campus.course)
    Holiday.objects.create(
        name="CSE",
        first_day=MONDAY,
        last_day=MONDAY,
        department=Department.objects.get(code="CSE"),
    )
    assert generate(MONDAY, MONDAY).created == 1


def test_term_and_validity_bound_the_sessions(in_campus: Cast) -> None:
    """The term runs from 2026-09-01 to 2027-01-31."""
    a_slot(in_campus.course)
    a_slot(
        in_campus.course,
        weekday=2,
        valid_from=date(2026, 9, 15),
        valid_until=date(2026, 9, 22),
    )
    generate(date(2026, 8, 1), date(2026, 9, 30))
    assert [day[:10] for day in starts()] == [
        "2026-09-07",
        "2026-09-14",
        "2026-09-15",
        "2026-09-21",
        "2026-09-22",
        "2026-09-28",
    ]
    ClassSession.objects.all()
    assert generate(date(2027, 1, 30), date(2027, 3, 1)).created == 0


def odd_and_even(course: Course) -> None:
    """Odd Mondays at 09:00, even ones at 13:00, in UTC."""
    a_slot(course, parity=WeeklySlot.Parity.ODD)
    a_slot(course, parity=WeeklySlot.Parity.EVEN, starts_at=time(14), ends_at=time(15))


def test_odd_and_even_weeks_take_turns_over_new_year(in_campus: Cast) -> None:
    """2026 has a week 53, so that the numbers of ISO weeks are odd twice (case 44)."""
    odd_and_even(in_campus.course)
    generate(date(2026, 12, 14), date(2027, 1, 17))
    assert starts() == [
        "2026-12-14 13:00",
        "2026-12-21 09:00",
        "2026-12-28 13:00",
        "2027-01-04 09:00",
        "2027-01-11 13:00",
    ]


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (None, "2026-09-07 12:00"),  # the term begins on a Tuesday: its week is the first
        (date(2026, 9, 6), "2026-09-07 12:00"),  # the Sunday of that week
        (date(2026, 9, 7), "2026-09-07 08:00"),
        (date(2025, 9, 8), "2026-09-07 08:00"),  # 52 weeks before
        (date(2027, 1, 4), "2026-09-07 12:00"),  # 17 weeks after
    ],
)
def test_the_odd_week_is_the_terms_and_can_be_set(
    in_campus: Cast, odd: date | None, expected: str
) -> None:
    Term.objects.update(odd_week_on=odd)
    odd_and_even(in_campus.course)
    generate(date(2026, 9, 7), date(2026, 9, 13))
    assert starts() == [expected]


def test_a_slot_over_midnight_ends_the_next_day(in_campus: Cast) -> None:
    a_slot(in_campus.course, starts_at=time(23), ends_at=time(1))
    a_slot(in_campus.other_course, weekday=2, starts_at=time(23), ends_at=time(0))
    generate(MONDAY, MONDAY + timedelta(days=6))
    assert starts() == ["2026-09-14 21:00", "2026-09-15 21:00"]
    first, second = ClassSession.objects.order_by("starts_at")
    assert first.ends_at - first.starts_at == timedelta(hours=2)
    assert second.ends_at - second.starts_at == timedelta(hours=1)
    assert first.held_on == MONDAY


def test_a_slot_over_midnight_takes_the_clocks_change(in_campus: Cast) -> None:
    """On 2026-10-25 at 03:00 Berlin's clocks go back: that night has an hour more."""
    a_slot(in_campus.course, weekday=6, starts_at=time(23), ends_at=time(4))
    generate(date(2026, 10, 24), date(2026, 10, 24))
    session = ClassSession.objects.get()
    assert session.ends_at - session.starts_at == timedelta(hours=6)


def test_the_local_time_stays_when_the_clocks_change(in_campus: Cast) -> None:
    """Berlin leaves summer time on 2026-10-25: ten o'clock is 08:00 UTC before, 09:00 after."""
    a_slot(in_campus.course)
    generate(date(2026, 10, 19), date(2026, 10, 26))
    assert starts() == ["2026-10-19 08:00", "2026-10-26 09:00"]


@pytest.mark.parametrize(
    ("on", "begin", "end", "expected"),
    [
        # The hour from 02:00 to 03:00 occurs twice: the first one is meant.
        (date(2026, 10, 25), time(2, 30), time(4), ("00:30", "03:00")),
        # It does not occur: read with the offset before the gap, and no session without a length.
        (date(2027, 3, 28), time(2, 30), time(4), ("01:30", "02:00")),
        (date(2027, 3, 28), time(2, 30), time(3, 15), ("01:30", "02:15")),
        (date(2027, 3, 28), time(2, 15), time(2, 45), ("01:15", "01:45")),
    ],
)
def test_hours_that_occur_twice_or_never(
    in_campus: Cast, on: date, begin: time, end: time, expected: tuple[str, str]
) -> None:
    in_campus.course.term.ends_on = date(2027, 6, 30)
    in_campus.course.term.save()
    a_slot(in_campus.course, weekday=7, starts_at=begin, ends_at=end)
    assert generate(on, on).created == 1
    session = ClassSession.objects.get()
    assert (f"{session.starts_at:%H:%M}", f"{session.ends_at:%H:%M}") == expected


def test_the_zone_is_the_campus_s_own(cast: Cast) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(time_zone="Asia/Kolkata")
    with campus_scope(cast.campus):
        a_slot(cast.course, starts_at=time(0, 15), ends_at=time(1))
        generate(MONDAY, MONDAY)
        assert starts() == ["2026-09-13 18:45"]


def test_what_people_changed_stays(in_campus: Cast) -> None:
    """Moved, cancelled and deleted sessions: no second one in their week."""
    a_slot(in_campus.course)
    generate(MONDAY, date(2026, 10, 5))
    moved, cancelled, deleted, _left = ClassSession.objects.order_by("starts_at")
    session_change(
        session=moved,
        starts_at=moved.starts_at + timedelta(days=1),
        ends_at=moved.ends_at + timedelta(days=1),
        classroom=None,
        now=NOW,
        actor=ADA,
    )
    session_cancel(session=cancelled, reason="ill", now=NOW, actor=ADA)
    deleted.delete()
    result = generate(MONDAY, date(2026, 10, 5))
    assert (result.created, result.existing) == (0, 4)
    assert starts() == ["2026-09-15 08:00", "2026-09-21 08:00", "2026-10-05 08:00"]
    assert ClassSession.objects.get(pk=cancelled.pk).status == "cancelled"


def test_clashes_are_reported_and_the_rest_is_made(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    taken = make_session(
        apart("EC100-A", in_campus.classroom),
        starts_at=datetime(2026, 9, 14, 9, 0, tzinfo=UTC),
        is_planned=True,
    )
    result = generate(MONDAY, MONDAY + timedelta(days=1))
    assert result.created == 1
    (clash,) = result.clashes
    assert (clash.code, clash.on, clash.session_id) == ("room_taken", MONDAY, taken.pk)
    assert clash.message == (
        "The room is taken: EC100-A Algorithms, Main 101, 2026-09-14 11:00–12:30."
    )
    ClassSession.objects.filter(pk=taken.pk).update(status="cancelled")
    assert generate(MONDAY, MONDAY + timedelta(days=1)).created == 1


def test_slots_that_clash_with_each_other_give_one_session(in_campus: Cast) -> None:
    """Rows that came past the services: the earlier one wins, in every run."""
    a_slot(in_campus.course)
    a_slot(apart("EC100-A", in_campus.classroom), starts_at=time(11), ends_at=time(12))
    result = generate(MONDAY, MONDAY)
    assert (result.created, [clash.code for clash in result.clashes]) == (1, ["room_taken"])
    assert generate(MONDAY, MONDAY).created == 0


@pytest.mark.parametrize(
    ("shared", "code"), [("faculty", "lecturer_busy"), ("section", "section_busy")]
)
def test_a_clash_names_what_is_shared(in_campus: Cast, shared: str, code: str) -> None:
    other = apart("EC100-A")
    setattr(other, shared, getattr(in_campus.course, shared))
    other.save()
    a_slot(in_campus.course)
    a_slot(other, starts_at=time(11), ends_at=time(12))
    assert [clash.code for clash in generate(MONDAY, MONDAY).clashes] == [code]


def test_a_session_made_by_hand_at_that_time_counts_as_there(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    make_session(in_campus.course, is_planned=True)
    result = generate(MONDAY, MONDAY)
    assert (result.created, result.existing, result.clashes) == (0, 1, [])


def test_inactive_slots_and_courses_make_nothing(in_campus: Cast) -> None:
    a_slot(in_campus.course, is_active=False)
    a_slot(in_campus.other_course)
    in_campus.other_course.is_active = False
    in_campus.other_course.save()
    assert generate(MONDAY, MONDAY).created == 0


def test_a_run_can_be_for_some_courses(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    a_slot(apart("EC100-A"))
    assert generate(MONDAY, MONDAY, courses=[in_campus.course]).created == 1
    assert generate(MONDAY, MONDAY, courses=[]).created == 0
    assert generate(MONDAY, MONDAY).created == 1


def test_a_room_that_is_too_small_is_a_warning(in_campus: Cast) -> None:
    in_campus.classroom.capacity = 2
    in_campus.classroom.save()
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    result = generate(MONDAY, MONDAY)
    assert [str(warning) for warning in result.warnings] == [
        "CS201-A Algorithms: 3 students, Main 101 has 2 places."
    ]
    assert result.created == 1


@pytest.mark.parametrize("days", [-1, 401])
def test_impossible_periods_are_refused(in_campus: Cast, days: int) -> None:
    with pytest.raises(Invalid):
        generate(MONDAY, MONDAY + timedelta(days=days))


def test_a_run_is_one_entry_of_the_log(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(MONDAY, MONDAY)
    generate(MONDAY, MONDAY)
    entry = Entry.objects.get(action="timetable.sessions.generated")
    assert entry.data == {
        "first": "2026-09-14",
        "last": "2026-09-14",
        "created": 1,
        "clashes": 0,
    }


def test_the_number_of_statements_does_not_grow(in_campus: Cast) -> None:
    """Twenty courses over sixteen weeks ask no more than one course over one week."""

    def statements(last: date) -> int:
        with CaptureQueriesContext(connection) as queries:
            generate(MONDAY, last)
        return len(queries)

    a_slot(in_campus.course)
    statements(MONDAY)
    GeneratedSession.objects.all().delete()
    ClassSession.objects.all().delete()
    few = statements(MONDAY)
    for number in range(20):
        course = apart(f"EC{number}-A")
        enroll(make_student(), course)
        a_slot(course)
        a_slot(course, weekday=4)
    many = statements(MONDAY + timedelta(weeks=16))
    assert ClassSession.objects.count() == 677
    assert few == many
    assert few <= 16  # one of them asks which courses other apps plan


def test_the_daily_task_makes_two_weeks_on_every_campus(cast: Cast, other_cast: Cast) -> None:
    """The term is widened to hold the day of the test, whenever that is."""
    for each in (cast, other_cast):
        with campus_scope(each.campus):
            each.course.term.starts_on = date(2020, 1, 1)
            each.course.term.ends_on = date(2090, 1, 1)
            each.course.term.save()
            a_slot(each.course)
    assert generate_sessions() == mondays_ahead(cast) + mondays_ahead(other_cast)
    assert generate_sessions() == 0


def test_the_daily_task_goes_on_after_a_campus_in_trouble(
    cast: Cast, other_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.timetable import tasks

    visited = []

    def sometimes(**facts: object) -> object:
        visited.append(facts["first"])
        if len(visited) == 1:
            raise ValueError
        return generate_nothing()

    def generate_nothing() -> object:
        from apps.timetable.services import GenerationResult

        return GenerationResult(created=3)

    monkeypatch.setattr(tasks, "sessions_generate", sometimes)
    assert generate_sessions() == 3
    assert len(visited) == 2


def test_the_command_says_what_it_did(cast: Cast) -> None:
    with campus_scope(cast.campus):
        a_slot(cast.course)
    said = StringIO()
    days = ["--from", "2026-09-14", "--to", "2026-09-27"]
    call_command("generate_sessions", "--campus", "north", *days, stdout=said)
    assert "2 sessions made, 0 were there, 0 fall on holidays, 0 clash." in said.getvalue()
    with pytest.raises(CommandError, match="No active campus"):
        call_command("generate_sessions", "--campus", "nowhere", *days)


def test_sections_are_the_course_s_whoever_writes(in_campus: Cast) -> None:
    """The trigger fills it, against what was given."""
    wrong = Section.objects.create(department=Department.objects.get(code="CSE"), year=4, name="Z")
    session = make_session(in_campus.course, section=wrong)
    session.refresh_from_db()
    assert session.section == in_campus.course.section
