"""One lecture of two courses: one start, one code, one register; marks count in the own course."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.attendance.selectors.not_taken import registers_not_taken
from apps.attendance.selectors.register import register_of
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open, register_open_now
from apps.attendance.services.warnings import absences_notify
from apps.audit.services import SYSTEM, Actor
from apps.board.document import board_document
from apps.checkin.services.codes import student_code_issue
from apps.common.errors import NotFound, Refused
from apps.enrollments.models import Course
from apps.leave.models import LeaveRequest
from apps.notifications.models import Message
from apps.portal.student.selectors.courses import student_sessions_today
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.scope import campus_scope
from apps.timetable.selectors.schedule import assignments_of
from tests.attendance.recount import recomputed_counts
from tests.factories import Cast, enroll, make_session
from tests.phone import Phone, code_of, signed_in
from tests.reports.support import ask, mark
from tests.reports.support import rows as rows_of
from tests.timetable.test_joint import make_other

pytestmark = pytest.mark.django_db

ADA = Actor(label="Ada", id="user:1")


@pytest.fixture
def other(in_campus: Cast) -> Course:
    course = make_other(in_campus)
    enroll(in_campus.stranger, course)
    return course


def joint(cast: Cast, other: Course, starts_at: datetime, **fields: Any) -> ClassSession:
    session = make_session(cast.course, starts_at=starts_at, **fields)
    SessionCourse.objects.create(session=session, course=other)
    session.refresh_from_db()
    return session


@pytest.fixture
def session(in_campus: Cast, other: Course, now: datetime) -> ClassSession:
    found = joint(in_campus, other, now)
    return register_open(session=found, topic="Sorting", now=now, actor=ADA)


def rows(cast: Cast, name: str, **filters: Any) -> list[dict[str, Any]]:
    return rows_of(name, ask(cast, **filters))


def summary(student: Any, course: Course) -> tuple[int, int] | None:
    found = AttendanceSummary.objects.filter(student=student, course=course).first()
    return (found.total_sessions, found.attended_sessions) if found else None


def test_one_register_over_both(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    assert session.total_enrolled == 4
    document = board_document(session=session, now=now, origin="https://north.example")
    assert [row["code"] for row in document["rows"]] == ["MATE", "REPR", "STRA", "STUD"]
    assert document["session"]["title"] == "CS201-A + CS201-B Algorithms"


def test_marks_count_in_the_own_course(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    facts: dict[str, Any] = {"session": session, "now": now, "actor": ADA}
    record_mark(student_id=in_campus.student.pk, status=Status.PRESENT, reason="", **facts)
    marks = [MarkInput(student_id=in_campus.stranger.pk, status="present", was="")]
    records_mark_bulk(marks=marks, nonce="nonce-0001", **facts)
    closed = register_close(**facts)
    assert (closed.total_enrolled, closed.total_attended) == (4, 2)
    assert summary(in_campus.student, in_campus.course) == (1, 1)
    assert summary(in_campus.classmate, in_campus.course) == (1, 0)
    assert summary(in_campus.stranger, other) == (1, 1)
    assert summary(in_campus.stranger, in_campus.course) is None
    assert summary(in_campus.student, other) is None
    for record in AttendanceRecord.objects.all():
        counted = recomputed_counts(student_id=record.student_id, course_id=record.course_id)
        assert counted.total == 1
    halves = {
        row.course_id: (row.total_enrolled, row.total_attended) for row in session.courses.all()
    }
    assert halves == {in_campus.course.pk: (3, 1), other.pk: (1, 1)}
    numbers = {row.course: row for row in assignments_of(faculty=in_campus.lecturer, now=now)}
    assert numbers[other].attendance_percentage == 100
    assert numbers[in_campus.course].attendance_percentage == 33.33
    record_mark(
        student_id=in_campus.stranger.pk,
        status=Status.ABSENT,
        reason="seen leaving",
        **facts,
    )
    assert summary(in_campus.stranger, other) == (1, 0)
    assert session.courses.get(course=other).total_attended == 0


def test_who_is_in_both_courses_stands_there_once(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    enroll(in_campus.student, other)
    assert [row.student.code for row in register_of(session_id=session.pk)] == [
        "MATE",
        "REPR",
        "STRA",
        "STUD",
    ]
    register_close(session=session, now=now, actor=ADA)
    record = AttendanceRecord.objects.get(student=in_campus.student)
    assert record.course == in_campus.course


def test_who_changed_the_course_counts_where_they_were_that_day(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    today = now.date()
    in_campus.student.enrollments.update(status="dropped", ended_on=today)
    enroll(in_campus.student, other)
    in_campus.student.enrollments.filter(course=other).update(enrolled_on=today)
    register_close(session=session, now=now, actor=ADA)
    assert AttendanceRecord.objects.get(student=in_campus.student).course == other
    assert register_of(session_id=session.pk).count() == 4


def test_nobody_else_is_in_it(in_campus: Cast, session: ClassSession, now: datetime) -> None:
    enroll(in_campus.stranger, in_campus.other_course)
    in_campus.stranger.enrollments.exclude(course=in_campus.other_course).delete()
    with pytest.raises(NotFound):
        record_mark(
            session=session,
            student_id=in_campus.stranger.pk,
            status=Status.PRESENT,
            reason="",
            now=now,
            actor=ADA,
        )


def test_one_start_by_either_course(in_campus: Cast, other: Course, now: datetime) -> None:
    planned = joint(in_campus, other, now)
    opened = register_open_now(course=other, topic="Sorting", now=now, actor=ADA)
    assert opened == planned
    later = now + timedelta(minutes=1)
    for course in (in_campus.course, other):
        with pytest.raises(Refused) as refused:
            register_open_now(course=course, topic="Again", now=later, actor=ADA)
        assert refused.value.code == "another_session_open"


def test_starting_it_can_close_what_either_course_left_open(
    in_campus: Cast, other: Course, now: datetime
) -> None:
    before = [
        register_open_now(course=course, topic="Before", now=now, actor=ADA)
        for course in (in_campus.course, other)
    ]
    planned = joint(in_campus, other, now + timedelta(hours=2))
    later = now + timedelta(hours=2)
    opened = register_open(session=planned, topic="Both", now=later, actor=ADA, close_open=True)
    assert opened.status == "open"
    for session in before:
        session.refresh_from_db()
        assert session.status == "completed"


def test_check_in_with_one_code(cast: Cast) -> None:
    with campus_scope(cast.campus):
        other = make_other(cast)
        enroll(cast.stranger, other)
        session = joint(cast, other, timezone.now())
        register_open(session=session, topic="Sorting", now=timezone.now(), actor=SYSTEM)
    for student in (cast.student, cast.stranger):
        phone = Phone(cast, student)
        token = code_of(cast, session.pk, timezone.now()).token
        phone.check_in(phone.ticket(token))
    with campus_scope(cast.campus):
        own = dict(AttendanceRecord.objects.values_list("student__code", "course__code"))
    assert own == {"STUD": "CS201-A", "STRA": "CS201-B"}


def test_a_student_of_a_further_course_is_given_a_code(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    for student in (in_campus.student, in_campus.stranger):
        _code, _until, given = student_code_issue(
            session=session, student_id=student.pk, now=now, actor=ADA
        )
        assert given == student


def test_a_check_in_asks_no_more_than_before(cast: Cast) -> None:
    """Pinned elsewhere for one course; here that a second course adds nothing."""

    def statements(*, with_other: bool) -> int:
        with campus_scope(cast.campus):
            session = make_session(cast.course, starts_at=timezone.now())
            if with_other:
                other = make_other(cast)
                SessionCourse.objects.create(session=session, course=other)
            register_open(
                session=session, topic="X", now=timezone.now(), actor=SYSTEM, close_open=True
            )
        phone = Phone(cast, cast.student if with_other else cast.classmate)
        token = code_of(cast, session.pk, timezone.now()).token
        with CaptureQueriesContext(connection) as asked:
            phone.check_in(phone.ticket(token))
        return len(asked)

    assert statements(with_other=False) == statements(with_other=True)


def test_absentees_are_told_of_their_own_course(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    for day, status in enumerate(("present", "present", "present", "absent"), start=1):
        past = make_session(
            other, starts_at=now - timedelta(days=day), status="completed", opened_at=now
        )
        mark(past, in_campus.stranger, status)
    register_close(session=session, now=now, actor=ADA)
    absences_notify(session=session, now=now)
    told = {message.kind: message.data["course"] for message in Message.objects.all()}
    assert told["absence"] == "CS201-A + CS201-B Algorithms"
    warned = Message.objects.get(kind="attendance_warning")
    assert warned.data["course"] == "CS201-B Algorithms"
    heard = set(warned.deliveries.values_list("user_id", flat=True))
    assert heard == {in_campus.stranger.user_id}


def test_reports_and_history_name_the_own_course(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    register_close(session=session, now=now, actor=ADA)
    by_course = {
        row["code"]: (row["students"], row["held"])
        for row in rows(in_campus, "attendance", group_by="course")
    }
    assert by_course == {"CS201-A": (3, 1), "CS201-B": (1, 1)}
    with_days = {
        row["code"]: row["students"]
        for row in rows(
            in_campus, "attendance", group_by="course", first=now.date(), last=now.date()
        )
    }
    assert with_days == {"CS201-A": 3, "CS201-B": 1}
    marks = {row["code"]: row["course_code"] for row in rows(in_campus, "check-ins")}
    assert marks["STRA"] == "CS201-B"


def test_a_leave_for_the_own_course_excuses_and_for_another_does_not(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    for student, course in ((in_campus.stranger, other), (in_campus.student, other)):
        LeaveRequest.objects.create(
            student=student,
            course=course,
            category="medical",
            reason="ill",
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=3),
            status="approved",
            requested_at=now,
            decided_at=now,
            nonce=f"nonce-{student.code}",
        )
    register_close(session=session, now=now, actor=ADA)
    marks = dict(AttendanceRecord.objects.values_list("student__code", "status"))
    assert marks["STRA"] == "excused"
    assert marks["STUD"] == "absent"


def test_a_register_that_was_not_taken_is_one(
    in_campus: Cast, other: Course, now: datetime
) -> None:
    planned = joint(in_campus, other, now)
    later = now + timedelta(hours=3)
    assert list(registers_not_taken(now=later)) == [planned]
    found = rows(in_campus, "not-taken", course=other.pk, now=later)
    assert [(row["session"], row["course_code"]) for row in found] == [
        (planned.pk, "CS201-A + CS201-B")
    ]


def test_students_of_both_see_it_today(
    in_campus: Cast, other: Course, session: ClassSession, now: datetime
) -> None:
    for student in (in_campus.student, in_campus.stranger):
        assert student_sessions_today(student=student, now=now) == [session]


def test_the_register_is_taken_afterwards_over_both(cast: Cast) -> None:
    starts_at = timezone.now() - timedelta(days=1)
    with campus_scope(cast.campus):
        other = make_other(cast)
        enroll(cast.stranger, other)
        planned = joint(cast, other, starts_at)
    lecturer = signed_in(cast, cast.lecturer.user)
    body = {
        "nonce": "nonce-00000001",
        "topic": "Sorting",
        "marks": [{"student": cast.stranger.pk, "status": "present"}],
    }
    answer = lecturer.post(f"/api/v1/sessions/{planned.pk}/take", body, format="json")
    assert answer.status_code == 201, answer.content
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.filter(session=planned).count() == 4
        assert AttendanceRecord.objects.get(student=cast.stranger).course == other
    assert date(2026, 9, 1) < planned.held_on
