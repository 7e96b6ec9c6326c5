"""Check-ins accepted while a mark by hand stood: taking the mark back lets them count."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    BulkChange,
    RecordChange,
    RecordSource,
    Status,
)
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import bulk_undo
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE
from tests.factories import Cast, enroll, make_student
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db


def all_marked(session: ClassSession, students: Sequence[Student], status: str) -> BulkChange:
    return records_mark_bulk(
        session=session,
        marks=[MarkInput(student_id=s.pk, status=status, was="", reason="") for s in students],
        nonce=f"bulk-{session.pk}-{len(students)}-{status}",
        now=timezone.now(),
        actor=SYSTEM,
    )


def undone(bulk: BulkChange) -> dict[int, str]:
    results = bulk_undo(bulk=bulk, now=timezone.now(), actor=SYSTEM)
    return {result.student: result.status for result in results}


def attempted(session: ClassSession, student: Student, *, accepted: bool) -> CheckInAttempt:
    return CheckInAttempt.objects.create(
        session=session,
        student=student,
        nonce=f"nonce-{student.pk:06d}-{accepted}",
        method="qr",
        outcome=Outcome.ACCEPTED if accepted else Outcome.REFUSED,
        reason="" if accepted else Reason.FACE_MISMATCH,
        received_at=timezone.now(),
        score=Decimal("0.80"),
    )


@pytest.mark.parametrize("status", ["absent", "present"])
@pytest.mark.parametrize("closed", [False, True])
def test_an_accepted_check_in_counts_again(
    cast: Cast, session: ClassSession, phone: Phone, status: str, closed: bool
) -> None:
    with campus_scope(cast.campus):
        bulk = all_marked(session, [cast.student, cast.classmate], status)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    answer = phone.check_in(ticket, location=HERE, beacons=HEARD).json()
    assert answer["outcome"] == "accepted"
    with campus_scope(cast.campus):
        record = AttendanceRecord.objects.get(student=cast.student)
        assert (record.status, record.source) == (status, RecordSource.MANUAL)
        if closed:
            register_close(session=session, now=timezone.now(), actor=SYSTEM)
        assert undone(bulk) == {
            cast.student.pk: Status.PRESENT,
            cast.classmate.pk: Status.ABSENT if closed else "",
        }
        record.refresh_from_db()
        assert (record.status, record.source) == (Status.PRESENT, RecordSource.CHECK_IN)
        assert record.attempt_id == CheckInAttempt.objects.get().pk
        assert record.verification_score == Decimal("1.00")
        assert record.location_verified
        assert record.bluetooth_verified
        change = RecordChange.objects.filter(student=cast.student).latest("pk")
        assert (change.before, change.after) == (status, Status.PRESENT)
        assert AttendanceSummary.objects.get(student=cast.student).attended_sessions == 1


def test_of_several_check_ins_the_first_accepted_one_counts(
    cast: Cast, session: ClassSession
) -> None:
    with campus_scope(cast.campus):
        bulk = all_marked(session, [cast.student, cast.classmate], "excused")
        attempted(session, cast.student, accepted=False)
        good = attempted(session, cast.student, accepted=True)
        bad = attempted(session, cast.classmate, accepted=False)
        assert undone(bulk) == {cast.student.pk: "present", cast.classmate.pk: "invalid"}
        made = AttendanceRecord.objects.values_list("student", "attempt_id")
        assert dict(made) == {cast.student.pk: good.pk, cast.classmate.pk: bad.pk}


def test_who_waits_for_a_decision_is_not_made_absent(cast: Cast, session: ClassSession) -> None:
    with campus_scope(cast.campus):
        bulk = all_marked(session, [cast.student], "present")
        attempt = attempted(session, cast.student, accepted=True)
        attempt.outcome, attempt.reason = Outcome.WAITING, Reason.PLACE_UNPROVEN
        attempt.waits_until = timezone.now() + timedelta(days=1)
        attempt.save()
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
        assert undone(bulk) == {cast.student.pk: ""}
        assert not AttendanceRecord.objects.filter(student=cast.student).exists()


def test_a_hall_takes_as_many_statements_as_one_student(cast: Cast, session: ClassSession) -> None:
    with campus_scope(cast.campus):
        hall = [make_student() for _ in range(40)]
        for student in hall:
            enroll(student, cast.course)
            attempted(session, student, accepted=True)
        counts = []
        for group in (hall[:1], hall[1:]):
            bulk = all_marked(session, group, "absent")
            with CaptureQueriesContext(connection) as statements:
                assert set(undone(bulk).values()) == {"present"}
            counts.append(len(statements))
    assert counts[0] == counts[1]
