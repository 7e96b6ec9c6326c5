"""Subjects, courses, enrolments, grades and rooms from spreadsheets."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.classrooms.models import Classroom
from apps.common.errors import Invalid
from apps.enrollments.models import Course, Enrollment, Grade, Subject, Term
from apps.tabular_files.dates import day
from apps.tabular_files.fields import Wrong, clock, words
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from tests.factories import Cast
from tests.imports.support import counts, do_import, reasons

pytestmark = pytest.mark.django_db


def test_subjects_with_the_old_headings(cast: Cast) -> None:
    rows = [
        ["code", "mnemonic", "name", "type"],
        ["MA101", "MATHS", "Mathematics", "Theory"],
        ["PH1L", "PHLAB", "Physics", "LAB"],
        ["XX1", "X", "Wrong type", "seminar"],
    ]
    report = do_import(cast, "subjects", rows)
    assert counts(report) == (2, 0, 0, 1)
    assert reasons(report) == [(4, "Not one of: theory, lab.")]
    with campus_scope(cast.campus):
        assert Subject.objects.get(code="PH1L").kind == "lab"
    assert counts(do_import(cast, "subjects", rows[:3])) == (0, 0, 2, 0)


def test_assignments_make_courses_and_enrol_their_sections(cast: Cast) -> None:
    do_import(
        cast,
        "students",
        [["id", "name", "section"], ["S1", "One", "B"], ["S2", "Two", "B"]],
        department="ECE",
        year=1,
    )
    do_import(cast, "subjects", [["code", "name"], ["EC101", "Circuits"]])
    rows = [
        ["FacultyId", "FacultyName", "SubjectCode", "Department", "Year", "Section"],
        [cast.lecturer.code, "x", "EC101", "ECE", "E1", "B"],
        ["NOBODY", "x", "EC101", "ECE", "E1", "B"],
        [cast.lecturer.code, "x", "NOTHING", "ECE", "E1", "B"],
        [cast.lecturer.code, "x", "EC101", "ECE", "E1", "Z"],
    ]
    report = do_import(cast, "assignments", rows)
    assert counts(report) == (1, 0, 0, 3)
    assert reasons(report) == [
        (3, "No active faculty member has this code."),
        (4, "No active subject has this code."),
        (5, "There is no such section. Import its students first, or make it."),
    ]
    with campus_scope(cast.campus):
        course = Course.objects.get(subject__code="EC101")
        assert course.code == "EC101-ECE-1B"
        enrolled = Enrollment.objects.filter(course=course, status="enrolled")
        assert set(enrolled.values_list("student__code", flat=True)) == {"S1", "S2"}
    assert counts(do_import(cast, "assignments", rows[:2])) == (0, 0, 1, 0)


def test_two_teachers_of_one_subject_and_section_get_a_course_each(cast: Cast) -> None:
    rows = [["faculty", "subject", "department", "year", "section"]]
    rows += [[person.code, "CS201", "CSE", 2, "A"] for person in (cast.outsider, cast.lecturer)]
    do_import(cast, "assignments", rows)
    with campus_scope(cast.campus):
        codes = set(Course.objects.filter(subject__code="CS201").values_list("code", flat=True))
    assert "CS201-CSE-2A" in codes


def test_students_who_come_later_join_the_courses_of_their_section(cast: Cast) -> None:
    row = [["id", "name", "department", "year", "section"], ["LATE1", "Late", "CSE", 2, "A"]]
    report = do_import(cast, "students", row)
    assert any("1 enrolled" in note or "enrolled" in note for note in report.result.notes)
    with campus_scope(cast.campus):
        assert Enrollment.objects.filter(student__code="LATE1", course=cast.course).exists()


def test_without_a_running_term(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Term.objects.update(starts_on="2020-01-01", ends_on="2020-02-01")
    with pytest.raises(Invalid, match="no running or coming term"):
        do_import(cast, "assignments", [["faculty", "subject"], ["F", "S"]])


def test_enrollments(cast: Cast) -> None:
    rows = [
        ["Student ID", "Course code", "Status"],
        [cast.stranger.code, cast.course.code, ""],
        [cast.student.code, cast.course.code, "withdrawn"],
        ["NOBODY", cast.course.code, ""],
        [cast.student.code, "NOTHING", ""],
    ]
    report = do_import(cast, "enrollments", rows)
    assert counts(report) == (1, 1, 0, 2)
    assert [row for row, _reason in reasons(report)] == [4, 5]
    with campus_scope(cast.campus):
        assert Enrollment.objects.get(student=cast.student, course=cast.course).status == "dropped"


def test_grades(cast: Cast) -> None:
    rows = [
        ["student id", "subject code", "marks", "grade", "date"],
        [cast.student.code, "CS201", 72, "A", "01.12.2026"],
        [cast.student.code, "CS201", -1, "F", "02.12.2026"],
        [cast.student.code, "CS201", 1, "F", "tomorrow"],
    ]
    report = do_import(cast, "grades", rows)
    assert counts(report) == (1, 0, 0, 2)
    with campus_scope(cast.campus):
        assert Grade.objects.get().points == 72
    assert counts(do_import(cast, "grades", rows[:2])) == (0, 0, 1, 0)


def test_classrooms(cast: Cast) -> None:
    rows = [
        ["Building", "Room No", "Seats", "Lat", "Lon", "Radius"],
        ["North wing", "12A", 80, "52,5", 13.4, 35],
        ["North wing", "13", "", 52.5, "", ""],
        ["North wing", "14", 0, "", "", ""],
        ["North wing", "15", 30, 95, 13, ""],
    ]
    report = do_import(cast, "classrooms", rows)
    assert counts(report) == (1, 0, 0, 3)
    with campus_scope(cast.campus):
        room = Classroom.objects.get(room_number="12A")
    assert (room.capacity, room.latitude) == (80, Decimal("52.5"))
    assert counts(do_import(cast, "classrooms", rows[:2])) == (0, 0, 1, 0)


def schedule(cast: Cast) -> list[list[object]]:
    """The old headings; department and year come with the upload."""
    return [
        ["Day", "Section", "Period", "SubjectCode", "FacultyId", "Venue"],
        ["MON", "A", 1, "CS201", cast.lecturer.code, "101"],
        ["Wednesday", "A", "2-3", "CS201", cast.lecturer.code, ""],
    ]


def week(cast: Cast) -> set[tuple[int, str, str]]:
    with campus_scope(cast.campus):
        slots = WeeklySlot.objects.filter(is_active=True)
        return {
            (slot.weekday, f"{slot.starts_at:%H:%M}", f"{slot.ends_at:%H:%M}") for slot in slots
        }


def test_the_default_week(cast: Cast) -> None:
    report = do_import(cast, "schedules", schedule(cast), department="CSE", year=2)
    assert counts(report) == (2, 0, 0, 0), reasons(report)
    assert week(cast) == {(1, "08:30", "09:30"), (3, "09:30", "11:30")}
    again = do_import(cast, "schedules", schedule(cast), department="CSE", year=2)
    assert counts(again) == (0, 0, 2, 0)


def test_a_lab_takes_three_periods(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Subject.objects.filter(code="CS201").update(kind="lab")
    rows = [*schedule(cast)[:2], ["FRI", "A", 6, "CS201", cast.lecturer.code, ""]]
    report = do_import(cast, "schedules", rows, department="CSE", year=2)
    assert week(cast) == {(1, "08:30", "11:30")}
    assert reasons(report) == [(3, "A lab takes 3 periods; the day ends before.")]


def test_overlaps_and_unknowns_are_rows_that_are_wrong(cast: Cast) -> None:
    rows = [
        *schedule(cast),
        ["Monday", "A", "1-2", "CS201", cast.lecturer.code, ""],
        ["Monday", "A", 4, "NOTHING", "", ""],
        ["Monday", "A", 4, "CS201", "", "Nowhere"],
        ["Someday", "A", 4, "CS201", "", ""],
        ["Tuesday", "A", 9, "CS201", "", ""],
    ]
    report = do_import(cast, "schedules", rows, department="CSE", year=2)
    assert counts(report) == (2, 0, 0, 5)
    found = sorted((wrong.row, wrong.column, wrong.value) for wrong in report.problems)
    assert found == [
        (4, "Period", "1-2"),  # the section is in row 2's lesson
        (5, "Subject code", "NOTHING"),
        (6, "Room", "Nowhere"),
        (7, "Day", "Someday"),
        (8, "Period", "9"),
    ]


def test_a_week_takes_the_same_number_of_statements_for_any_number_of_rows(cast: Cast) -> None:
    def statements(periods: range, day: str) -> int:
        lessons = [[day, "A", n, "CS201", cast.lecturer.code, ""] for n in periods]
        with CaptureQueriesContext(connection) as queries:
            report = do_import(
                cast, "schedules", [schedule(cast)[0], *lessons], department="CSE", year=2
            )
        assert counts(report) == (len(lessons), 0, 0, 0)
        return len(queries)

    statements(range(1, 2), "WED")  # from now on there are slots to look at
    assert statements(range(1, 2), "MON") == statements(range(1, 8), "TUE")


def test_replacing_the_week(cast: Cast) -> None:
    do_import(cast, "schedules", schedule(cast), department="CSE", year=2)
    report = do_import(
        cast, "schedules", schedule(cast)[:2], department="CSE", year=2, replace=True
    )
    assert report.result.removed == 1
    assert week(cast) == {(1, "08:30", "09:30")}


def test_times_of_the_clock(cast: Cast) -> None:
    rows = [["Day", "Course", "Start", "End"], ["Tue", cast.course.code, "8:15 AM", "09:45"]]
    do_import(cast, "schedules", rows)
    assert week(cast) == {(2, "08:15", "09:45")}


@pytest.mark.parametrize("cell", ["9:5", "09:5", "9", "9:5 AM", "25:00", "09:60", "9:050"])
def test_what_is_no_time_of_the_clock(cell: str) -> None:
    with pytest.raises(Wrong):
        clock(cell)


@pytest.mark.parametrize("cell", ["0001-01-01", "31.12.9999", "1899-12-31", "01/01/2201"])
def test_days_out_of_bounds_are_no_days(cell: str) -> None:
    with pytest.raises(Wrong):
        day(cell)


@pytest.mark.parametrize("cell", ["\u200b", "a\x07b", "\u202e"])
def test_names_that_say_nothing_are_wrong(cell: str) -> None:
    with pytest.raises(Wrong):
        words(20)(cell)
