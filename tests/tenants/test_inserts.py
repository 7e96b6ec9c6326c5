"""Many rows in one statement: what `bulk_create` would have written, or nothing."""

from datetime import datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, RecordChange, RecordSource, Status
from apps.sessions.models import ClassSession
from apps.tenants.inserts import rows_insert
from apps.tenants.scope import WrongCampus
from tests.factories import Cast, make_session

pytestmark = pytest.mark.django_db
KEY = ("campus", "session", "student")


@pytest.fixture
def session(in_campus: Cast) -> ClassSession:
    return make_session(in_campus.course)


def record(session: ClassSession, student: Student, now: datetime, **fields: Any) -> Any:
    facts = {"status": Status.PRESENT, "source": RecordSource.MANUAL, "recorded_at": now}
    return AttendanceRecord(session=session, student=student, **facts | fields)


def stored(row: AttendanceRecord) -> dict[str, Any]:
    left_out = {"id", "student_id", "created_at", "updated_at"}
    return {
        field.attname: getattr(AttendanceRecord.objects.get(pk=row.pk), field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in left_out
    }


def test_rows_are_those_of_bulk_create(
    session: ClassSession, in_campus: Cast, now: datetime
) -> None:
    fields: dict[str, Any] = {"verification_score": "0.73", "notes": 'a, {b} "c" NULL'}
    first, second = (
        record(session, student, now, **fields)
        for student in (in_campus.student, in_campus.classmate)
    )
    second.status = Status.LATE
    AttendanceRecord.objects.bulk_create([first])
    rows_insert([second])
    assert stored(second) == {**stored(first), "status": "late"}
    assert second.campus_id == in_campus.campus.pk
    assert not second._state.adding
    second.notes = ""
    second.save()
    assert AttendanceRecord.objects.count() == 2


def test_many_rows_are_one_statement_and_know_their_numbers(
    session: ClassSession, in_campus: Cast, now: datetime
) -> None:
    students = [in_campus.classmate, in_campus.student, in_campus.representative]
    rows = [
        record(session, student, now, minutes_late=n, label=None)
        for n, student in enumerate(students)
    ]
    with CaptureQueriesContext(connection) as asked:
        rows_insert(rows)
    assert len(asked) == 1
    for row in rows:
        kept = AttendanceRecord.objects.get(pk=row.pk)
        assert (kept.student_id, kept.minutes_late) == (row.student_id, row.minutes_late)


def test_rows_that_are_alike_in_everything(
    in_campus: Cast, session: ClassSession, now: Any
) -> None:
    changes = [
        RecordChange(
            session=session, student=in_campus.student, reason="r", actor_label="a", at=now
        )
        for _ in range(3)
    ]
    rows_insert(changes)
    assert len({change.pk for change in changes}) == RecordChange.objects.count() == 3


def test_a_row_that_stands_takes_what_is_to_be_updated_and_keeps_the_rest(
    session: ClassSession, in_campus: Cast, now: datetime
) -> None:
    standing = record(session, in_campus.student, now, notes="kept")
    standing.save()
    again = record(session, in_campus.student, now, status=Status.LATE, notes="not written")
    new = record(session, in_campus.classmate, now, notes="written")
    rows_insert([again, new], on=KEY, updating=["status"])
    assert again.pk == standing.pk
    assert list(AttendanceRecord.objects.order_by("pk").values_list("status", "notes")) == [
        ("late", "kept"),
        ("present", "written"),
    ]


def test_nothing_is_cut_or_rounded_to_fit(
    session: ClassSession, in_campus: Cast, now: datetime
) -> None:
    """A cast to the column's type would do both without a word."""
    for field, value in {"source": "x" * 11, "verification_score": "7.00"}.items():
        for classmate in ([], [record(session, in_campus.classmate, now)]):
            bent = record(session, in_campus.student, now, **{field: value})
            with pytest.raises((DataError, IntegrityError)), transaction.atomic():
                rows_insert([bent, *classmate])
    assert AttendanceRecord.objects.count() == 0


def test_another_campus_and_no_row_at_all(
    session: ClassSession, in_campus: Cast, now: datetime
) -> None:
    with CaptureQueriesContext(connection) as asked:
        rows_insert([])
    assert len(asked) == 0
    strange = record(session, in_campus.student, now, campus_id=in_campus.campus.pk + 1)
    with pytest.raises(WrongCampus):
        rows_insert([strange])
    assert not AttendanceRecord.objects.exists()
