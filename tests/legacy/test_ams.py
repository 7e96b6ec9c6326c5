"""AMS moves in: a dump of its PostgreSQL database, with what its code let in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from apps.accounts.models import AllowedAddress, Membership, Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.attendance.services.register import register_close, register_open_now
from apps.audit.services import SYSTEM
from apps.enrollments.models import Course, Enrollment, Subject, Term
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from tests.factories import Cast, make_user
from tests.legacy.support import NOW, assert_reconciled, counts, move, reasons, table, text_file

pytestmark = pytest.mark.django_db

STUDENTS = [
    ("N210595", "Amara Nwosu", "n210595@north.example", "3", "CSE", "A", "device-1"),
    ("N210596", "Bob\\tTab", "n210596@north.example", "3", "CSE", "A", "\\N"),
    ("N210597", "Zoë", "n210597@north.example", "3", "CSE", "B", "\\N"),
    ("N210598", "Elsewhere", "x@elsewhere.example", "3", "CSE", "B", "\\N"),
]
SCHEDULES = [
    # id, assignment, date, start, end, completed, venue, code, its time, topic
    ("1", "1", "2026-08-10", "08:30", "09:30", "t", "101", "123456", "\\N", "Heaps"),
    ("2", "1", "2026-08-11", "08:30", "09:30", "t", "Nowhere", "\\N", "\\N", "\\N"),
    ("3", "1", "2026-08-12", "9:5", "09:30", "t", "101", "\\N", "\\N", "\\N"),
    ("4", "1", "2026-08-13", "23:00", "24:00", "t", "101", "\\N", "\\N", "\\N"),
    ("5", "1", "2026-08-14", "08:30", "09:30", "f", "101", "\\N", "\\N", "\\N"),
    ("6", "1", "2026-08-17", "08:30", "09:30", "f", "101", "\\N", "\\N", "\\N"),
    ("7", "1", "2026-09-14", "08:30", "09:30", "f", "101", "654321", "\\N", "\\N"),
    ("8", "2", "2025-10-06", "08:30", "11:30", "t", "\\N", "\\N", "\\N", "Old year"),
    ("9", "77", "2026-08-10", "08:30", "09:30", "t", "\\N", "\\N", "\\N", "\\N"),
    ("10", "1", "2026-08-10", "08:30", "09:30", "t", "101", "\\N", "\\N", "Twice"),
]
RECORDS = [
    ("1", "N210595", "1", "t"),
    ("2", "N210596", "1", "f"),
    ("3", "N210595", "2", "t"),
    ("4", "N210596", "2", "f"),
    ("5", "N210596", "2", "t"),  # marked again: the last one counts
    ("6", "n210595", "6", "t"),  # of a session that was never completed
    ("7", "N210595", "8", "f"),
    ("8", "N999999", "1", "t"),
    ("9", "N210595", "3", "t"),  # of a session whose time is wrong
    ("10", "N210595", "10", "t"),  # of the same hour as session 1
]


def copies() -> Iterator[str]:
    def copy(name: str, columns: str, rows: list[tuple[str, ...]]) -> str:
        lines = "\n".join("\t".join(row) for row in rows)
        return f"COPY public.{name} ({columns}) FROM stdin;\n{lines}\n\\.\n"

    yield "-- PostgreSQL database dump\nSET standard_conforming_strings = on;\n"
    yield copy("student", "id, name, email, year, department, section, binding_id", STUDENTS)
    yield copy(
        "faculty",
        "id, name, email",
        [("F1", "Grace Hopper", "grace@north.example"), ("F2", "Alan", "alan@north.example")],
    )
    yield copy(
        "subject",
        "subject_code, subject_mnemonic, subject_name, subject_type",
        [("CS201", "ALGO", "Algorithms", "Theory"), ("CS251", "LAB", "Laboratory", "Lab")],
    )
    yield copy(
        "faculty_assignment",
        "id, faculty_id, subject_code, year, department, section",
        [
            ("1", "F1", "CS201", "3", "CSE", "A"),
            ("2", "F2", "CS251", "3", "CSE", "A"),
            ("3", "F1", "CS201", "3", "CSE", "A"),  # the old index was not unique
            ("4", "F9", "CS201", "3", "CSE", "A"),
            ("5", "F1", "CS251", "1", "MECH", "Z"),
        ],
    )
    yield copy(
        "schedule",
        "id, assignment_id, date, start_time, end_time, status, venue, otp, otp_created_at,"
        " topic_discussed",
        SCHEDULES,
    )
    yield copy("attendance_record", "id, student_id, session_id, status", RECORDS)
    yield copy(
        "default_schedule",
        "id, assignment_id, day_of_week, start_time, end_time, venue",
        [
            ("1", "1", "Monday", "08:30", "09:30", "101"),
            ("2", "1", "TUE", "08:30", "09:30", "Nowhere"),
            ("3", "1", "WED", "9:5", "09:30", "101"),
            ("4", "2", "FRI", "08:30", "11:30", "101"),
        ],
    )
    yield copy("cr", "student_id, mobile", [("N210595", "+4915112345678"), ("N0", "1")])
    yield copy("fcm_tokens", "id, student_email, fcm_token", [("1", "a@b.example", "token")])
    yield copy("notification_logs", "id, cr_email, message", [("1", "a@b.example", "Hello")])


@pytest.fixture
def dump(tmp_path: Path, cast: Cast) -> Path:
    return text_file(tmp_path / "ams.sql", "".join(copies()))


def test_every_row_is_accounted_for(cast: Cast, dump: Path) -> None:
    report = move(cast, "ams", dump)
    assert_reconciled(report)
    assert counts(report, "student") == (4, 3, 0, 0, 0, 1)
    assert counts(report, "faculty") == (2, 2, 0, 0, 0, 0)
    assert counts(report, "cr") == (2, 0, 0, 0, 1, 1)
    assert counts(report, "faculty_assignment") == (5, 2, 0, 0, 1, 2)
    assert reasons(report, "schedule") == {
        "Not a time of the day, like 09:05.": 2,
        "Was never held.": 1,
        "Names no assignment that was brought.": 1,
    }
    assert counts(report, "schedule") == (10, 5, 0, 0, 1, 4)
    assert counts(report, "attendance_record") == (10, 6, 0, 0, 2, 2)
    assert counts(report, "default_schedule") == (4, 2, 0, 0, 0, 2)
    assert counts(report, "fcm_tokens")[-1] == counts(report, "notification_logs")[-1] == 1
    assert "binding_id" in table(report, "student").columns


def test_people_and_study_arrive(cast: Cast, dump: Path) -> None:
    move(cast, "ams", dump)
    with campus_scope(cast.campus):
        amara = Student.objects.get(code="N210595")
        assert (amara.is_representative, amara.representative_mobile) == (True, "+4915112345678")
        assert Student.objects.get(code="N210596").full_name == "Bob Tab"
        assert Subject.objects.get(code="CS251").kind == "lab"
        course = Course.objects.get(subject__code="CS201", section__year=3)
        assert course.term.ends_on == date(2027, 6, 30)
        slots = WeeklySlot.objects.filter(course=course).order_by("weekday")
        assert [(s.weekday, s.classroom and s.classroom.room_number) for s in slots] == [
            (1, "101"),
            (2, None),
        ]


def test_schedules_are_sessions_past_and_to_come(cast: Cast, dump: Path) -> None:
    move(cast, "ams", dump)
    with campus_scope(cast.campus):
        found = ClassSession.objects.filter(course__section__year=3).order_by("starts_at")
        assert [(s.held_on, s.status, s.topic, s.is_planned) for s in found] == [
            (date(2025, 10, 6), "completed", "Old year", False),
            (date(2026, 8, 10), "completed", "Heaps", False),
            (date(2026, 8, 11), "completed", "", False),
            (date(2026, 8, 17), "completed", "", False),
            (date(2026, 9, 14), "scheduled", "", True),
        ]
        assert found[1].starts_at == datetime(2026, 8, 10, 6, 30, tzinfo=UTC)
        assert (found[1].total_attended, found[1].total_enrolled) == (1, 2)
        old = Term.objects.get(academic_year="2025-2026")
        assert Enrollment.objects.get(course__term=old).status == "completed"


def test_of_several_records_of_an_hour_the_last_one_counts(cast: Cast, dump: Path) -> None:
    report = move(cast, "ams", dump)
    with campus_scope(cast.campus):
        marks = AttendanceRecord.objects.filter(student__code="N210596").order_by(
            "session__starts_at"
        )
        assert [mark.status for mark in marks] == ["absent", "present"]
        summary = AttendanceSummary.objects.get(student__code="N210596")
        assert (summary.attended_sessions, summary.total_sessions) == (1, 2)
    shares = {p.name: p for c in report.comparisons for p in c.differing}
    assert shares["N210596"].reason == "1 rows about a session twice"
    assert shares["N210595"].before == "5/6 = 83.33 %"
    assert shares["N210595"].after == "3/4 = 75.00 %"
    assert shares["N210595"].reason == "1 rows about a session twice, 1 rows left out"


def test_the_same_dump_again_changes_nothing(cast: Cast, dump: Path) -> None:
    move(cast, "ams", dump)
    again = move(cast, "ams", dump)
    assert_reconciled(again)
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}


def test_a_class_can_be_held_right_after_the_move(cast: Cast, dump: Path) -> None:
    move(cast, "ams", dump)
    with campus_scope(cast.campus):
        course = Course.objects.get(subject__code="CS201", section__year=3)
        opened = register_open_now(
            course=course, topic="Trees", now=NOW + timedelta(minutes=1), actor=SYSTEM
        )
        closed = register_close(session=opened, now=NOW + timedelta(hours=1), actor=SYSTEM)
        marks = AttendanceRecord.objects.filter(session=closed).values_list("student__code")
        assert sorted(code for (code,) in marks) == ["N210595", "N210596"]
        summary = AttendanceSummary.objects.get(student__code="N210595", course=course)
        assert (summary.attended_sessions, summary.total_sessions) == (3, 4)


def test_somebody_with_an_account_elsewhere_is_asked(
    cast: Cast, other_cast: Cast, dump: Path
) -> None:
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email="x@elsewhere.example")
    with campus_scope(other_cast.campus):
        elsewhere = make_user("x@elsewhere.example", "student")
    report = move(cast, "ams", dump)
    assert "1 people are invited." in report.notes
    with campus_scope(cast.campus):
        assert Student.objects.get(code="N210598").user is None
        assert not Membership.objects.filter(user=elsewhere).exists()


def test_a_session_that_was_held_after_the_first_copy_is_filled_in(cast: Cast, dump: Path) -> None:
    move(cast, "ams", dump)
    later = dump.read_text()
    later = later.replace("09:30\tf\t101\t654321", "09:30\tt\t101\t654321")
    later = later.replace("1\tN210595\t1\tt\n", "1\tN210595\t1\tt\n11\tN210595\t7\tt\n")
    dump.write_text(later)
    report = move(cast, "ams", dump, now=datetime(2026, 9, 21, 9, 0, tzinfo=UTC))
    assert_reconciled(report)
    assert counts(report, "schedule") == (10, 0, 1, 4, 1, 4)
    with campus_scope(cast.campus):
        session = ClassSession.objects.get(held_on=date(2026, 9, 14), course__section__year=3)
        assert (session.status, session.total_attended) == ("completed", 1)
