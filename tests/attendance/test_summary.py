"""The summary equals a recomputation after whatever happens to the records."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, RecordSource, Status
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.recount import recomputed_counts
from tests.factories import Cast, make_cast, make_course, make_session

START = datetime(2026, 9, 14, 22, 30, tzinfo=UTC)  # the day after in Berlin


def put(session: ClassSession, student: Student, status: str) -> AttendanceRecord:
    return AttendanceRecord.objects.create(
        session=session,
        student=student,
        status=status,
        source=RecordSource.MANUAL,
        recorded_at=session.starts_at,
    )


def assert_summaries_equal_recomputation() -> None:
    seen = set()
    for summary in AttendanceSummary.objects.all():
        seen.add((summary.student_id, summary.course_id))
        counts = recomputed_counts(student_id=summary.student_id, course_id=summary.course_id)
        assert (
            summary.total_sessions,
            summary.attended_sessions,
            summary.late_sessions,
            summary.absent_sessions,
            summary.excused_sessions,
            summary.attendance_percentage,
            summary.first_attendance_on,
            summary.last_attendance_on,
        ) == (
            counts.total,
            counts.attended,
            counts.late,
            counts.absent,
            counts.excused,
            counts.percentage,
            counts.first,
            counts.last,
        )
    expected = set(AttendanceRecord.objects.values_list("student_id", "session__course_id"))
    assert expected <= seen


@pytest.mark.django_db
def test_an_insert_by_raw_sql_is_counted(in_campus: Cast) -> None:
    session = make_session(in_campus.course, starts_at=START)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO attendance_attendancerecord (campus_id, session_id, student_id, status, "
            "source, recorded_at, minutes_late, biometric_verified, location_verified, "
            "bluetooth_verified, verification_score, notes, created_at, updated_at) VALUES "
            "(%s, %s, %s, 'late', 'manual', now(), 3, false, false, false, 0, '', now(), now())",
            [in_campus.campus.pk, session.pk, in_campus.student.pk],
        )
    summary = AttendanceSummary.objects.get()
    assert (summary.total_sessions, summary.attended_sessions, summary.late_sessions) == (1, 1, 1)
    assert summary.attendance_percentage == Decimal("100.00")
    assert str(summary.first_attendance_on) == "2026-09-15"  # in the campus's own time zone


@pytest.mark.django_db
def test_percentages_are_rounded_half_up_and_excused_sessions_do_not_count(
    in_campus: Cast,
) -> None:
    statuses = ["present", "late", "absent", "excused", "invalid", "absent", "present", "excused"]
    for number, status in enumerate(statuses):
        session = make_session(in_campus.course, starts_at=START + timedelta(days=number))
        put(session, in_campus.student, status)
    summary = AttendanceSummary.objects.get()
    assert (summary.total_sessions, summary.attended_sessions) == (6, 3)
    assert (summary.absent_sessions, summary.excused_sessions) == (2, 2)
    assert summary.attendance_percentage == Decimal("50.00")


@pytest.mark.django_db
def test_no_session_that_counts_is_no_division_by_zero(in_campus: Cast) -> None:
    record = put(make_session(in_campus.course), in_campus.student, Status.EXCUSED)
    assert AttendanceSummary.objects.get().attendance_percentage == 0
    record.delete()
    summary = AttendanceSummary.objects.get()
    assert (summary.total_sessions, summary.excused_sessions) == (0, 0)


@pytest.mark.django_db
def test_first_and_last_day_follow_corrections(in_campus: Cast) -> None:
    records = [
        put(
            make_session(in_campus.course, starts_at=START + timedelta(days=day)),
            in_campus.student,
            Status.PRESENT,
        )
        for day in range(3)
    ]
    AttendanceRecord.objects.filter(pk=records[2].pk).update(status=Status.ABSENT)
    records[0].delete()
    summary = AttendanceSummary.objects.get()
    assert str(summary.first_attendance_on) == str(summary.last_attendance_on) == "2026-09-16"


@pytest.mark.django_db
def test_a_record_that_moves_to_another_course_takes_its_count_along(in_campus: Cast) -> None:
    record = put(make_session(in_campus.course), in_campus.student, Status.PRESENT)
    other = make_session(make_course(faculty=in_campus.lecturer, code="CS300-A"))
    AttendanceRecord.objects.filter(pk=record.pk).update(session=other)
    assert_summaries_equal_recomputation()
    assert AttendanceSummary.objects.get(course=other.course).attended_sessions == 1


step = st.tuples(
    st.sampled_from(["put", "change", "delete", "bulk"]),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(Status.values),
)


@pytest.mark.django_db
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, max_size=25))
def test_any_sequence_of_changes_keeps_the_summary_true(in_campus: Cast, steps: list) -> None:
    """Property: whatever is inserted, updated, deleted or changed in bulk."""
    AttendanceRecord.objects.all().delete()
    ClassSession.objects.all().delete()
    sessions = [
        make_session(in_campus.course, starts_at=START + timedelta(days=n)) for n in range(5)
    ]
    students = [in_campus.representative, in_campus.student, in_campus.classmate]
    for action, number, who, status in steps:
        rows = AttendanceRecord.objects.filter(session=sessions[number], student=students[who])
        if action == "put" and not rows.exists():
            put(sessions[number], students[who], status)
        elif action == "change":
            rows.update(status=status)
        elif action == "delete":
            rows.delete()
        elif action == "bulk":
            AttendanceRecord.objects.filter(student=students[who]).update(status=status)
    assert_summaries_equal_recomputation()


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_keep_the_summary_true() -> None:
    """Eight connections insert, correct and delete records of the same students."""
    cast = make_cast("north")
    with campus_scope(cast.campus):
        students = [cast.representative, cast.student, cast.classmate]
        sessions = [
            make_session(cast.course, starts_at=START + timedelta(days=n)) for n in range(16)
        ]
    failures: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for session in sessions[worker::8]:
                for student in students:
                    with campus_scope(cast.campus):
                        record = put(session, student, Status.PRESENT)
                    with campus_scope(cast.campus):
                        AttendanceRecord.objects.filter(pk=record.pk).update(status=Status.LATE)
                with campus_scope(cast.campus):
                    AttendanceRecord.objects.filter(session=session).update(status=Status.ABSENT)
                with campus_scope(cast.campus):
                    AttendanceRecord.objects.filter(session=session, student=students[0]).delete()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    with campus_scope(cast.campus):
        assert_summaries_equal_recomputation()
        assert AttendanceRecord.objects.count() == 32
