"""A term that changes week by week: what follows the feed, what stays, and what waits."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import AttendanceRecord
from apps.audit.models import Entry
from apps.enrollments.models import Course, Term
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel, session_change, session_remove
from apps.timetable.models import GeneratedSession, Holiday
from apps.timetable.services import session_substitute
from apps.timetable_feeds.models import FeedMeeting, FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import sealed_file
from apps.timetable_feeds.services.jobs import run_work
from tests.factories import Cast, make_classroom, make_faculty
from tests.timetable.support import ADA, NOW, a_slot, apart, generate
from tests.timetable_feeds.support import (
    HOURS,
    Event,
    Lesson,
    counts,
    fet,
    ical,
    lines,
    make_feed,
    plan,
    read,
    reasons,
)

pytestmark = pytest.mark.django_db
MONDAYS = ["09-14 08:00 101", "09-21 08:00 101", "09-28 08:00 101"]
DAY = timedelta(days=1)


def first_session() -> ClassSession:
    return ClassSession.objects.order_by("starts_at", "pk")[0]


def facts(now: datetime = NOW) -> dict[str, Any]:
    return {"now": now, "actor": ADA}


def marked(session: ClassSession, cast: Cast) -> None:
    AttendanceRecord.objects.create(
        session=session,
        student=cast.student,
        course=session.course,
        status="present",
        source="manual",
        recorded_at=NOW,
    )


# --- The first reading -----------------------------------------------------------------------


def test_a_lesson_becomes_its_sessions_and_twice_is_once(in_campus: Cast) -> None:
    feed = make_feed()
    assert counts(read(feed, fet(Lesson()))) == {"new": 3}
    assert plan() == MONDAYS
    again = read(feed, fet(Lesson()), now=NOW + timedelta(hours=1))
    assert (counts(again), again.result["unchanged"]) == ({}, 3)
    assert plan() == MONDAYS


def test_comparing_asks_as_often_for_nine_meetings_as_for_three(in_campus: Cast) -> None:
    make_classroom("102")
    asked = []
    for number in (1, 3):
        lessons = [Lesson(number=str(n), hour=HOURS[n]) for n in range(number)]
        feed = make_feed(name=f"Planner {number}")
        read(feed, fet(*lessons))
        feed.refresh_from_db()
        moved = fet(*(replace(one, room="102") for one in lessons))
        with CaptureQueriesContext(connection) as captured:
            assert counts(read(feed, moved, commit=False)) == {"room": 3 * number}
        asked.append(sum(one["sql"].startswith("SELECT") for one in captured))
        feed.delete()
    assert asked[0] == asked[1]


def test_a_dry_run_writes_nothing_but_its_report(in_campus: Cast) -> None:
    feed = make_feed()
    run = read(feed, fet(Lesson()), commit=False)
    assert (run.status, counts(run)) == ("checked", {"new": 3})
    assert not ClassSession.objects.exists()
    assert not FeedMeeting.objects.exists()
    assert not Entry.objects.filter(action__startswith="sessions.").exists()
    assert run.sealed_file


def test_the_first_reading_of_a_feed_waits_for_a_person(in_campus: Cast) -> None:
    feed = make_feed(accepted_at=None)
    run = read(feed, fet(Lesson()))
    assert (run.status, run.result["is_first"]) == ("waiting", True)
    assert not ClassSession.objects.exists()
    told = Message.objects.filter(kind="reading_waits")
    assert {delivery.user_id for delivery in told.get().deliveries.all()} == {in_campus.admin.pk}
    assert read(feed, fet(Lesson()), confirmed=0).status == "saved"
    assert told.count() == 1
    run.refresh_from_db()
    assert (run.status, run.sealed_file) == ("replaced", None)
    assert read(feed, fet(Lesson(), Lesson("2", "Tuesday"))).status == "saved"


def test_days_off_and_days_outside_are_left_out(in_campus: Cast) -> None:
    Holiday.objects.create(name="Fair", first_day=date(2026, 9, 21), last_day=date(2026, 9, 21))
    run = read(make_feed(covers_until=date(2026, 9, 28)), fet(Lesson()))
    assert plan() == [MONDAYS[0], MONDAYS[2]]
    assert run.result["holidays"] == 1


# --- A term that changes ---------------------------------------------------------------------


def test_week_by_week(in_campus: Cast) -> None:
    make_classroom("202")
    feed = make_feed("ical", share=100)
    series = ("RRULE:FREQ=WEEKLY;COUNT=3",)
    read(feed, ical(Event("a", "20260914T100000", more=series)))
    assert plan() == MONDAYS
    ids = list(ClassSession.objects.order_by("starts_at").values_list("pk", flat=True))
    # The second week: Wednesday instead, in another room; the third falls away.
    moved = Event(
        "a",
        "20260923T140000",
        location="Main 202",
        more=("RECURRENCE-ID;TZID=Europe/Berlin:20260921T100000",),
    )
    out = (*series, "EXDATE;TZID=Europe/Berlin:20260928T100000")
    second = ical(Event("a", "20260914T100000", more=out), moved)
    run = read(feed, second, now=NOW + DAY * 2)
    assert counts(run) == {"moved": 1, "cancelled": 1}
    assert plan() == [MONDAYS[0], "09-23 12:00 202"]
    assert list(ClassSession.objects.order_by("pk").values_list("pk", flat=True)) == ids
    # It takes place again after all.
    third = ical(Event("a", "20260914T100000", more=series), moved)
    run = read(feed, third, now=NOW + DAY * 3)
    assert counts(run) == {"back": 1}
    assert plan() == [MONDAYS[0], "09-23 12:00 202", MONDAYS[2]]
    assert ClassSession.objects.count() == 3


def test_people_are_told_once_for_each_course(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, fet(Lesson()))
    assert not Message.objects.exists()
    read(feed, fet(Lesson(day="Tuesday")))
    told = Message.objects.get()
    assert (told.data["moved"], told.data["cancelled"]) == (3, 0)


def test_lessons_change_places_with_each_other(in_campus: Cast) -> None:
    apart("EC100-A", in_campus.classroom)
    feed = make_feed()
    one = Lesson()
    other = Lesson("2", "Tuesday", "10:00", "EC100-A", "", "", "101")
    read(feed, fet(one, other))
    run = read(feed, fet(Lesson(day="Tuesday"), Lesson("2", "Monday", "10:00", "EC100-A", "", "")))
    assert counts(run) == {"moved": 6}
    assert plan(in_campus.course) == ["09-15 08:00 101", "09-22 08:00 101", "09-29 08:00 101"]
    written = Entry.objects.filter(action="sessions.session.changed")
    assert {entry.data["before"]["status"] for entry in written} == {"scheduled"}


def test_of_two_lessons_under_one_key_the_moved_one_moves(in_campus: Cast) -> None:
    """Units of Untis and aSc Timetables meet several times a week."""
    feed = make_feed("ical", covers_until=date(2026, 9, 20))
    series = ("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=2",)
    read(feed, ical(Event("a", "20260914T100000", more=series)))
    monday = ClassSession.objects.get(starts_at=datetime(2026, 9, 14, 8, tzinfo=UTC))
    series = ("RRULE:FREQ=WEEKLY;BYDAY=WE,FR;COUNT=2",)
    run = read(feed, ical(Event("a", "20260916T100000", more=series)))
    assert counts(run) == {"moved": 1}
    monday.refresh_from_db()
    assert monday.starts_at == datetime(2026, 9, 18, 8, tzinfo=UTC)


def test_a_new_class_code_keeps_its_history(in_campus: Cast) -> None:
    feed = make_feed("ical")
    series = ("RRULE:FREQ=WEEKLY;COUNT=3",)
    read(feed, ical(Event("a", "20260914T100000", more=series)))
    before = set(ClassSession.objects.values_list("pk", flat=True))
    renamed = Event("a", "20260914T100000", "CS2010-A Algorithms", more=series)
    # A lesson that was not there before is known by the new code from then on, too.
    extra = Event("b", "20260918T100000", "CS2010-A Algorithms")
    run = read(feed, ical(renamed))
    assert (counts(run), run.result["unchanged"]) == ({}, 3)
    assert run.result["renamed"] == [["CS201-A Algorithms", "CS2010-A Algorithms"]]
    read(feed, ical(renamed, extra))
    assert before < set(ClassSession.objects.values_list("pk", flat=True))
    assert set(FeedMeeting.objects.values_list("course", flat=True)) == {in_campus.course.pk}
    assert ClassSession.objects.count() == 4


def test_lessons_that_got_other_numbers_are_the_same(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, fet(Lesson("1")))
    run = read(feed, fet(Lesson("77")))
    assert (counts(run), run.result["unchanged"]) == ({}, 3)
    assert set(FeedMeeting.objects.values_list("key", flat=True)) == {"77"}


# --- Marks at stake --------------------------------------------------------------------------


def test_sessions_with_marks_are_never_moved_or_cancelled(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, fet(Lesson()))
    session = first_session()
    ClassSession.objects.filter(pk=session.pk).update(status="completed", opened_at=NOW)
    marked(session, in_campus)
    later = datetime(2026, 9, 14, 12, tzinfo=UTC)
    run = read(feed, fet(Lesson(day="Tuesday")), commit=False, now=later)
    assert counts(run) == {"stake": 1, "moved": 2}
    assert run.result["marks"] == 1
    assert lines(run, "stake") == ["2026-09-14 10:00 CS201-A marks"]
    read(feed, fet(Lesson(day="Tuesday")), now=later)
    session.refresh_from_db()
    assert session.starts_at == datetime(2026, 9, 14, 8, tzinfo=UTC)
    # The lesson is gone altogether: what was held stays, what is to come is cancelled.
    gone = read(feed, fet(Lesson("2", course="CS305", teacher="OUTS", room="")), now=later,
                confirmed=2)  # fmt: skip
    assert counts(gone)["cancelled"] == 2
    assert lines(gone, "stake") == ["2026-09-14 10:00 CS201-A marks"]
    session.refresh_from_db()
    assert session.status == "completed"
    assert AttendanceRecord.objects.filter(session=session).count() == 1


def test_marks_on_a_session_that_is_still_planned_keep_it(in_campus: Cast) -> None:
    """Leave is entered before the day."""
    feed = make_feed(share=100)
    read(feed, fet(Lesson(), Lesson("2", "Friday")))
    marked(first_session(), in_campus)
    run = read(feed, fet(Lesson("2", "Friday")))
    assert counts(run) == {"stake": 1, "cancelled": 2}
    assert first_session().status == "scheduled"


def test_an_open_session_stays_where_it_is(in_campus: Cast) -> None:
    make_classroom("202")
    feed = make_feed()
    read(feed, fet(Lesson()))
    session = first_session()
    ClassSession.objects.filter(pk=session.pk).update(status="open", opened_at=NOW)
    run = read(feed, fet(Lesson(room="202")))
    assert counts(run) == {"stake": 1, "room": 2}
    session.refresh_from_db()
    assert session.classroom == in_campus.classroom


# --- What people decided ---------------------------------------------------------------------


def test_what_was_moved_cancelled_or_deleted_by_hand_stays(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, fet(Lesson()))
    first, second, third = ClassSession.objects.order_by("starts_at")
    session_change(
        session=first,
        starts_at=first.starts_at + DAY,
        ends_at=first.ends_at + DAY,
        classroom=first.classroom,
        **facts(),
    )
    session_cancel(session=second, reason="ill", **facts())
    session_remove(session=third, reason="excursion", **facts())
    same = read(feed, fet(Lesson()))
    assert counts(same) == {"kept": 2}
    run = read(feed, fet(Lesson(hour="13:00")))
    assert counts(run) == {"kept": 3}
    assert lines(run, "kept") == [
        "2026-09-15 10:00 CS201-A moved",
        "2026-09-21 10:00 CS201-A cancelled",
        "2026-09-28 10:00 CS201-A deleted",
    ]
    assert plan() == ["09-15 08:00 101"]
    assert counts(read(feed, fet(Lesson(hour="13:00")))) == {"kept": 2}


def test_a_substitute_stays_while_the_room_follows(in_campus: Cast) -> None:
    make_classroom("202")
    feed = make_feed()
    read(feed, fet(Lesson()))
    substitute = make_faculty("SUBS")
    session_substitute(session=first_session(), faculty=substitute, **facts())
    run = read(feed, fet(Lesson(room="202")))
    assert counts(run) == {"room": 3}
    assert (first_session().faculty, first_session().classroom.room_number) == (  # type: ignore[union-attr]
        substitute,
        "202",
    )


def test_a_room_that_was_chosen_by_hand_stays_while_the_time_follows(in_campus: Cast) -> None:
    hall, other = make_classroom("303"), make_classroom("202")
    feed = make_feed()
    read(feed, fet(Lesson()))
    session = first_session()
    session_change(
        session=session,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        classroom=hall,
        **facts(),
    )
    run = read(feed, fet(Lesson(hour="13:00", room=other.room_number)))
    assert counts(run) == {"time": 3, "kept": 1}
    assert plan()[0] == "09-14 11:00 303"


def test_what_was_planned_by_hand_beside_the_feed_is_named_and_stays(in_campus: Cast) -> None:
    by_hand = ClassSession.objects.create(
        course=in_campus.course,
        faculty=in_campus.lecturer,
        starts_at=datetime(2026, 9, 17, 8, tzinfo=UTC),
        ends_at=datetime(2026, 9, 17, 9, tzinfo=UTC),
    )
    run = read(make_feed(), fet(Lesson()))
    assert counts(run) == {"new": 3, "kept": 1}
    by_hand.refresh_from_db()
    assert by_hand.status == "scheduled"


# --- Beside weekly slots ---------------------------------------------------------------------


def test_sessions_of_weekly_slots_become_the_feeds(in_campus: Cast) -> None:
    """One is the same, one moves within its day, one is not said; the generator makes no more."""
    a_slot(in_campus.course)
    a_slot(in_campus.course, weekday=2)
    a_slot(in_campus.course, weekday=5)
    generate(date(2026, 9, 14), date(2026, 9, 20))
    before = {one.starts_at.isoweekday(): one.pk for one in ClassSession.objects.all()}
    feed = make_feed(accepted_at=None, covers_until=date(2026, 9, 20))
    run = read(feed, fet(Lesson(), Lesson("2", "Tuesday", "13:00")), confirmed=0)
    assert counts(run) == {"time": 2, "cancelled": 1}
    assert plan() == ["09-14 08:00 101", "09-15 11:00 101"]
    assert ClassSession.objects.get(status="scheduled", starts_at__day=15).pk == before[2]
    assert generate(date(2026, 9, 14), date(2026, 9, 27)).created == 0
    feed.is_active = False
    feed.save()
    assert generate(date(2026, 9, 21), date(2026, 9, 27)).created == 3


def test_a_cancelled_session_of_a_weekly_slot_stays_cancelled(in_campus: Cast) -> None:
    """By hand it stays so; by a day off that the feed does not have it is in nobody's way."""
    a_slot(in_campus.course)
    generate(date(2026, 9, 14), date(2026, 9, 27))
    first, second = ClassSession.objects.order_by("starts_at")
    session_cancel(session=first, reason="ill", **facts())
    ClassSession.objects.filter(pk=second.pk).update(status="cancelled")
    GeneratedSession.objects.filter(session=second).update(is_withdrawn=True)
    run = read(make_feed(covers_until=date(2026, 9, 27)), fet(Lesson()))
    assert counts(run) == {"kept": 1, "new": 1}
    assert plan() == [MONDAYS[1]]


def test_an_event_that_cannot_be_told_leaves_its_sessions_and_the_others_alone(
    in_campus: Cast,
) -> None:
    feed = make_feed("ical", share=100)
    weekly = ("RRULE:FREQ=WEEKLY;COUNT=3",)
    other = Event("b", "20260916T100000", more=weekly)
    read(feed, ical(Event("a", "20260914T100000", more=weekly), other))
    bad = ("RRULE:FREQ=WEEKLY;COUNT=3;BYSETPOS=0",)
    later = Event("b", "20260916T130000", more=weekly)
    run = read(feed, ical(Event("a", "20260914T100000", more=bad), later))
    assert (counts(run), run.missing) == ({"time": 3}, 0)
    assert reasons(run) == ["recurs in a way that is not read"]
    assert len(plan()) == 6


def test_a_moved_session_of_a_weekly_slot_stays(in_campus: Cast) -> None:
    a_slot(in_campus.course)
    generate(date(2026, 9, 14), date(2026, 9, 20))
    session = first_session()
    session_change(
        session=session,
        starts_at=session.starts_at + DAY * 3,
        ends_at=session.ends_at + DAY * 3,
        classroom=session.classroom,
        **facts(),
    )
    run = read(make_feed(covers_until=date(2026, 9, 20)), fet(Lesson("1", "Tuesday")))
    assert counts(run) == {"new": 1, "kept": 1}


# --- What waits ------------------------------------------------------------------------------


def five(number: int) -> bytes:
    return fet(*(Lesson(str(n), DAYS[n]) for n in range(number)))


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@pytest.mark.parametrize(("left", "status"), [(4, "saved"), (3, "waiting"), (1, "waiting")])
def test_a_feed_that_is_forty_percent_shorter_waits(
    in_campus: Cast, left: int, status: str
) -> None:
    feed = make_feed()
    read(feed, five(5))
    assert len(plan()) == 15
    run = read(feed, five(left))
    assert (run.status, run.missing) == (status, 3 * (5 - left))
    assert len(plan()) == (15 if status == "waiting" else 12)


def test_a_confirmation_holds_for_what_was_seen(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, five(5))
    assert read(feed, five(1), confirmed=6).status == "waiting"
    assert read(feed, five(3), confirmed=6).status == "saved"
    assert len(plan()) == 9


def test_the_share_is_the_feeds_own(in_campus: Cast) -> None:
    feed = make_feed(share=90)
    read(feed, five(5))
    assert read(feed, five(1)).status == "saved"


def test_what_is_over_is_not_missing(in_campus: Cast) -> None:
    """A feed of what is still to come gets shorter every day."""
    feed = make_feed("ical")
    days = [f"2026{month}T100000" for month in ("0914", "0915", "0916", "0917", "0918")]
    read(feed, ical(*(Event(day, day) for day in days)))
    later = datetime(2026, 9, 17, 12, tzinfo=UTC)
    run = read(feed, ical(Event(days[-1], days[-1])), now=later)
    assert (run.status, run.missing, run.result["ahead"]) == ("saved", 0, 1)
    assert len(plan()) == 5


def test_a_window_says_nothing_of_later_days(in_campus: Cast) -> None:
    feed = make_feed("ical", is_window=True)
    first, second = Event("a", "20260914T100000"), Event("b", "20260916T100000")
    third = Event("c", "20260921T100000")
    read(feed, ical(first, second, third))
    run = read(feed, ical(first, Event("d", "20260917T100000")))
    assert (counts(run), run.status) == ({"cancelled": 1, "new": 1}, "waiting")
    assert read(feed, ical(first, second)).result["unchanged"] == 2
    assert len(plan()) == 3


def test_rows_that_are_wrong_leave_their_meetings_alone(in_campus: Cast) -> None:
    feed = make_feed()
    read(feed, fet(Lesson(), Lesson("2", "Friday")))
    unknown = fet(Lesson(room="999"), Lesson("2", "Fryday"))
    run = read(feed, unknown)
    assert (counts(run), run.missing) == ({}, 0)
    assert sorted(reasons(run)) == [
        "no day of the week: add it to the feed's codes",
        "there is no such room",
    ]
    assert len(plan()) == 6


def test_what_clashes_is_named_and_tried_again(in_campus: Cast) -> None:
    apart("EC100-A", in_campus.classroom)
    feed = make_feed()
    in_the_way = ClassSession.objects.create(
        course=Course.objects.get(code="EC100-A"),
        faculty=Course.objects.get(code="EC100-A").faculty,
        classroom=in_campus.classroom,
        starts_at=datetime(2026, 9, 14, 8, tzinfo=UTC),
        ends_at=datetime(2026, 9, 14, 9, tzinfo=UTC),
    )
    run = read(feed, fet(Lesson()))
    assert counts(run) == {"new": 3, "clash": 1}
    assert "EC100-A" in lines(run, "clash")[0]
    assert plan(in_campus.course) == MONDAYS[1:]
    session_cancel(session=in_the_way, reason="", **facts())
    assert counts(read(feed, fet(Lesson()))) == {"new": 1}
    moved = fet(Lesson(day="Tuesday"))
    ClassSession.objects.filter(pk=in_the_way.pk).update(
        status="scheduled",
        starts_at=datetime(2026, 9, 15, 8, tzinfo=UTC),
        ends_at=datetime(2026, 9, 15, 9, tzinfo=UTC),
    )
    run = read(feed, moved)
    assert counts(run) == {"moved": 3, "clash": 1}
    assert plan(in_campus.course)[0] == MONDAYS[0]
    session_cancel(session=in_the_way, reason="", **facts())
    assert counts(read(feed, moved)) == {"moved": 1}


def test_courses_of_another_department_are_not_touched(in_campus: Cast) -> None:
    other = apart("EC100-A")
    assert other.section is not None
    feed = make_feed(department=other.section.department)
    run = read(feed, fet(Lesson(), Lesson("2", "Friday", "10:00", "EC100-A", "", "", "")))
    assert run.result["outside"] == 1
    assert {one.course_id for one in ClassSession.objects.all()} == {other.pk}


def test_what_is_not_covered_any_more_is_left_alone(in_campus: Cast) -> None:
    other = apart("EC100-A")
    assert other.section is not None
    both = fet(Lesson(), Lesson("2", "Friday", "10:00", "EC100-A", "", "", ""))
    feed = make_feed(share=100)
    read(feed, both)
    feed.department = other.section.department
    feed.save()
    assert counts(read(feed, both)) == {}
    feed.department, feed.covers_until = None, date(2026, 9, 22)
    feed.save()
    gone = read(feed, fet(Lesson("2", "Friday", "10:00", "EC100-A", "", "", "")))
    assert counts(gone) == {"cancelled": 2}
    assert plan(in_campus.course) == [MONDAYS[2]]


def test_another_feed_takes_over_from_one_that_is_not_active_any_more(in_campus: Cast) -> None:
    first = make_feed()
    read(first, fet(Lesson(), Lesson("2", "Friday")))
    first.is_active = False
    first.save()
    second = make_feed(name="Second")
    run = read(second, fet(Lesson()))
    assert (counts(run), run.result["unchanged"]) == ({"kept": 3}, 3)
    assert set(FeedMeeting.objects.filter(feed=second).values_list("key", flat=True)) == {"1"}
    assert counts(read(second, fet(Lesson(hour="13:00")))) == {"time": 3, "kept": 3}


def test_nothing_is_read_for_an_archived_term(in_campus: Cast) -> None:
    feed = make_feed()
    Term.objects.update(archived_at=NOW)
    feed = TimetableFeed.objects.select_related("term").get(pk=feed.pk)
    run = FeedRun(feed=feed, commit=True, created_at=NOW)
    run.sealed_file = sealed_file(run, fet(Lesson()))
    run.save(force_insert=True)
    run_work(run, actor=ADA, now=NOW, report=lambda phase: None)
    assert (run.status, run.problem[:21]) == ("failed", "This term is archived")


def test_a_course_has_one_feed(in_campus: Cast) -> None:
    read(make_feed(), fet(Lesson()))
    run = read(make_feed(name="Second"), fet(Lesson(day="Tuesday")))
    assert reasons(run) == ["CS201-A is planned by the feed Planner"]
    assert plan() == MONDAYS


def test_a_reading_is_in_the_audit_log(in_campus: Cast) -> None:
    run = read(make_feed(), fet(Lesson()))
    entry = Entry.objects.get(action="timetable.feed.saved")
    assert entry.data["counts"] == {"new": 3}
    assert FeedRun.objects.get(pk=run.pk).sealed_file is None
