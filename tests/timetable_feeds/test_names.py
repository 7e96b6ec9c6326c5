"""What names in a feed mean here; a spreadsheet of the weekly schedule as a feed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Faculty
from apps.classrooms.models import Building, Classroom
from apps.enrollments.models import Course, Section, Subject
from apps.imports.models import ImportAnswer
from apps.sessions.models import ClassSession
from apps.timetable_feeds.models import FeedCode, FeedMeeting, FeedRun, TimetableFeed
from apps.timetable_feeds.reading.rows import FeedRow
from apps.timetable_feeds.selectors import file_of, sealed_file
from apps.timetable_feeds.services.directory import Directory, Misfit
from apps.timetable_feeds.services.jobs import run_work
from tests.factories import Cast, make_classroom, make_faculty
from tests.imports.support import csv_file, xlsx
from tests.timetable.support import NOW, apart
from tests.timetable_feeds.support import (
    ADA,
    Event,
    Lesson,
    counts,
    fet,
    ical,
    make_feed,
    plan,
    read,
    reasons,
)

pytestmark = pytest.mark.django_db


def row(course: str, *sections: str, **fields: Any) -> FeedRow:
    return FeedRow(place="1", key="k", course=course, sections=sections, **fields)


def named(feed: TimetableFeed, one: FeedRow) -> str:
    """The codes of its courses, or why there are none."""
    try:
        courses, _is_whole = Directory(feed).courses(one)
    except Misfit as misfit:
        return misfit.reason
    return "+".join(course.code for course in courses)


def second_section(cast: Cast, faculty: Faculty | None = None) -> Course:
    """CS201-B, of the same subject and lecturer in section B."""
    first = cast.course
    assert first.section is not None
    return Course.objects.create(
        code="CS201-B",
        term=first.term,
        subject=first.subject,
        section=Section.objects.create(department=first.section.department, year=2, name="B"),
        faculty=faculty or cast.lecturer,
    )


@pytest.mark.parametrize(
    ("course", "sections"),
    [
        ("CS201-A", ()),
        ("cs 201-a", ()),
        ("CS201", ("A",)),
        ("CS201", ("2A",)),
        ("CS201", ("2.A",)),
        ("CS201", ("CSE-2A",)),
        ("Algorithms", ("2A",)),
    ],
)
def test_spellings_of_one_course(in_campus: Cast, course: str, sections: tuple[str, ...]) -> None:
    second_section(in_campus)
    Subject.objects.filter(code="CS305").update(name="Compilers")
    assert named(make_feed(), row(course, *sections)) == "CS201-A"


def test_what_may_be_several_courses_or_none_is_named(in_campus: Cast) -> None:
    second_section(in_campus, faculty=make_faculty("THRD"))
    feed = make_feed()
    assert named(feed, row("CS201")) == "may mean several courses: CS201-A, CS201-B"
    assert named(feed, row("CS201", teachers=("THRD",))) == "CS201-B"
    assert named(feed, row("CS999")).startswith("no course of term")
    assert named(feed, row("CS201", "7Q")).startswith("no course of term")


def test_the_feeds_own_codes_come_first(in_campus: Cast) -> None:
    feed = make_feed()
    FeedCode.objects.create(feed=feed, kind="course", theirs="Ma 5.a", ours="CS201-A")
    FeedCode.objects.create(feed=feed, kind="course", theirs="CS305", ours="CS404")
    assert named(feed, row("MA", "5.A")) == "CS201-A"
    assert named(feed, row("CS305", "2A")) == (
        "the feed's codes lead to CS404, which this term does not have"
    )


def test_summaries_of_calendars(in_campus: Cast) -> None:
    second_section(in_campus)
    Course.objects.filter(code="CS305-A").update(code="Comp 305")
    feed = make_feed("ical")
    moments = ("2026-09-14T08:00:00+00:00", "2026-09-14T09:00:00+00:00")
    for summary, courses in (
        ("CS201-A Algorithms", "CS201-A"),
        ("CS201-A: Algorithms", "CS201-A"),
        ("CS201-A + CS201-B Algorithms", "CS201-A+CS201-B"),
        ("Comp 305 Compilers", "Comp 305"),
        ("CS201-AB", "no course of term 2026-2027 Autumn is like this"),
    ):
        found = named(feed, row(summary, moments=moments))
        assert found == courses or found.startswith("no course"), summary
    assert named(feed, row("CS201-A + CS201-B x", moments=moments)) == "CS201-A+CS201-B"


def test_classes_that_meet_as_one_are_one_session(in_campus: Cast) -> None:
    other = second_section(in_campus)
    feed = make_feed()
    run = read(feed, fet(Lesson(students="2A</Students><Students>2B")))
    assert counts(run) == {"new": 3}
    assert {session.codes for session in ClassSession.objects.all()} == {"CS201-A + CS201-B"}
    run = read(feed, fet(Lesson(students="2A")))
    assert counts(run) == {}
    assert {session.codes for session in ClassSession.objects.all()} == {"CS201-A"}
    read(feed, fet(Lesson(students="2A</Students><Students>2B")))
    assert ClassSession.objects.filter(courses__course=other).count() == 3


def test_classes_of_different_lecturers_do_not_meet_as_one(in_campus: Cast) -> None:
    second_section(in_campus, faculty=make_faculty("THRD"))
    run = read(make_feed(), fet(Lesson(students="2A</Students><Students>2B")))
    assert reasons(run) == ["courses of different lecturers do not meet as one: CS201-A, CS201-B"]


def test_rooms_and_lecturers_by_their_names_and_codes(in_campus: Cast) -> None:
    substitute = make_faculty("SUBS")
    make_classroom("202")
    feed = make_feed()
    FeedCode.objects.create(feed=feed, kind="room", theirs="Audimax", ours="Main 202")
    FeedCode.objects.create(feed=feed, kind="teacher", theirs="Xy", ours="SUBS")
    read(feed, fet(Lesson(room="Audimax", teacher="XY")))
    assert plan()[0] == "09-14 08:00 202"
    assert {session.faculty for session in ClassSession.objects.all()} == {substitute}
    unknown = fet(Lesson(teacher="Nobody"), Lesson("2", "Friday", room="Cellar"))
    assert reasons(read(feed, unknown)) == ["there is no such lecturer", "there is no such room"]
    Classroom.objects.create(building=Building.objects.create(name="North"), room_number="202")
    run = read(feed, fet(Lesson(room="202", teacher="SUBS")))
    assert reasons(run) == ["several buildings have this room: add the building"]


def test_without_room_and_lecturer_they_are_the_courses(in_campus: Cast) -> None:
    read(make_feed("ical"), ical(Event("a", "20260914T100000", location="")))
    session = ClassSession.objects.get()
    assert (session.classroom, session.faculty) == (in_campus.classroom, in_campus.lecturer)
    meeting = FeedMeeting.objects.get()
    assert (meeting.classroom, meeting.faculty) == (in_campus.classroom, in_campus.lecturer)


def test_a_course_that_meets_twice_at_a_time_is_wrong_once(in_campus: Cast) -> None:
    run = read(make_feed(), fet(Lesson("1"), Lesson("2")))
    assert counts(run) == {"new": 3}
    assert reasons(run) == ["CS201-A meets at this time already (Activity 1)"]


def test_far_too_many_meetings_fail_the_reading(
    in_campus: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.timetable_feeds.services.resolving.MOST_MEETINGS", 2)
    feed = TimetableFeed.objects.select_related("term", "department").get(pk=make_feed().pk)
    run = FeedRun(feed=feed, commit=True, created_at=NOW)
    run.sealed_file = sealed_file(run, fet(Lesson()))
    run.save(force_insert=True)
    run_work(run, actor=ADA, now=NOW, report=lambda phase: None)
    assert (run.status, run.sealed_file) == ("failed", None)
    assert "no timetable of one term" in run.problem


# --- Spreadsheets ----------------------------------------------------------------------------

HEAD = ["Day", "Course", "Start", "End", "Room", "Weeks"]


def test_a_spreadsheet_of_the_weekly_schedule(in_campus: Cast) -> None:
    feed = make_feed("spreadsheet")
    sheet = [HEAD, ["Monday", "CS201-A", "10:00", "11:00", "101", "every"]]
    assert counts(read(feed, xlsx(sheet))) == {"new": 3}
    assert plan()[0] == "09-14 08:00 101"
    moved = [HEAD, ["Tuesday", "CS201-A", "10:00", "11:00", "101", "every"]]
    assert counts(read(feed, csv_file(moved))) == {"moved": 3}


def test_odd_and_even_weeks_are_the_terms(in_campus: Cast) -> None:
    """The week of 1 September is odd: so are those of 14 and 28 September."""
    sheet = [HEAD, ["Monday", "CS201-A", "10:00", "11:00", "101", "even"]]
    read(make_feed("spreadsheet"), csv_file(sheet))
    in_term = [datetime(2026, 9, 7, tzinfo=UTC) + timedelta(weeks=n * 2) for n in range(1, 3)]
    days = {f"{day:%m-%d}" for day in in_term}
    assert {one[:5] for one in plan()} <= days
    assert plan()


def test_a_lab_that_names_one_period_takes_three(in_campus: Cast) -> None:
    Subject.objects.filter(code="CS201").update(kind="lab")
    feed = make_feed("spreadsheet", covers_until="2026-09-14")
    read(feed, csv_file([["Day", "Course", "Period"], ["Monday", "CS201-A", "2"]]))
    session = ClassSession.objects.get()
    assert session.ends_at - session.starts_at == timedelta(hours=3)


def test_a_spreadsheet_that_leaves_something_open_is_refused(in_campus: Cast) -> None:
    """Nobody sits before a feed: what was answered about uploads of the schedule holds."""
    sheet = [HEAD, ["1", "CS201-A", "10:00", "11:00", "101", "every"]]
    feed = make_feed("spreadsheet")
    run = FeedRun(feed=feed, commit=True, created_at=NOW)
    run.sealed_file = sealed_file(run, csv_file(sheet))
    run.save(force_insert=True)
    run_work(run, actor=ADA, now=NOW, report=lambda phase: None)
    assert (run.status, plan()) == ("failed", [])
    assert "Which day do they count from?" in run.problem
    assert "Upload it once as a weekly schedule" in run.problem
    ImportAnswer.objects.create(
        kind="schedules", key="first_weekday:weekday", value="monday_1", answered_at=NOW
    )
    read(feed, csv_file(sheet))
    assert plan()[0] == "09-14 08:00 101"


def test_while_a_row_cannot_be_read_nothing_is_cancelled(in_campus: Cast) -> None:
    apart("EC100-A")
    feed = make_feed("spreadsheet")
    ours = ["Monday", "CS201-A", "10:00", "11:00", "101", "every"]
    other = ["Friday", "EC100-A", "10:00", "11:00", "", "every"]
    read(feed, csv_file([HEAD, ours, other]))
    broken = ["Friday", "EC100-A", "ten", "11:00", "", "every"]
    run = read(feed, csv_file([HEAD, ours, broken]))
    assert (counts(run), run.missing, len(run.problems)) == ({}, 0, 1)
    assert len(plan()) == 6


def test_the_file_is_sealed_while_it_waits(in_campus: Cast) -> None:
    data = fet(Lesson())
    run = read(make_feed(), data, commit=False)
    sealed = bytes(run.sealed_file or b"")
    assert b"CS201" not in sealed
    assert file_of(run) == data
    run.sealed_file = b"damaged"
    assert file_of(run) is None
