"""Students not enrolled on the day are not on that day's register (case 42)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.attendance.selectors.register import register_of
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import Actor
from apps.board.selectors import board_rows
from apps.common.errors import NotFound
from apps.enrollments.models import Enrollment
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast, enroll, make_session
from tests.imports.support import do_import
from tests.phone import Phone, code_of, signed_in

pytestmark = pytest.mark.django_db

ADA = Actor(label="Ada", id="user:1")


def codes(session: ClassSession) -> list[str]:
    return [row.student.code for row in register_of(session_id=session.pk)]


@pytest.fixture
def past(in_campus: Cast, now: datetime) -> ClassSession:
    """Open since two days ago; the stranger joined yesterday, a classmate left yesterday."""
    held_at = now - timedelta(days=2)
    session = make_session(in_campus.course, starts_at=held_at)
    register_open(session=session, topic="Sorting", now=held_at, actor=ADA)
    yesterday = (now - timedelta(days=1)).date()
    Enrollment.objects.create(
        student=in_campus.stranger, course=in_campus.course, enrolled_on=yesterday
    )
    in_campus.classmate.enrollments.update(status="dropped", ended_on=yesterday)
    return session


def test_the_register_and_the_board_are_those_of_the_day(in_campus: Cast, past: Any) -> None:
    assert codes(past) == ["MATE", "REPR", "STUD"]
    assert [row["code"] for row in board_rows(session_id=past.pk)] == ["MATE", "REPR", "STUD"]
    today = make_session(in_campus.course, starts_at=past.starts_at + timedelta(days=2))
    assert codes(today) == ["REPR", "STRA", "STUD"]


def test_closing_marks_those_of_the_day(in_campus: Cast, past: ClassSession, now: Any) -> None:
    closed = register_close(session=past, now=now, actor=ADA)
    absent = AttendanceRecord.objects.filter(session=past).values_list("student__code", flat=True)
    assert set(absent) == {"MATE", "REPR", "STUD"}
    assert closed.total_enrolled == 3
    assert not AttendanceSummary.objects.filter(student=in_campus.stranger).exists()


def test_only_those_of_the_day_are_marked(in_campus: Cast, past: ClassSession, now: Any) -> None:
    facts: dict[str, Any] = {"session": past, "now": now, "actor": ADA}
    with pytest.raises(NotFound):
        record_mark(student_id=in_campus.stranger.pk, status=Status.PRESENT, reason="", **facts)
    record_mark(student_id=in_campus.classmate.pk, status=Status.PRESENT, reason="", **facts)
    marks = [
        MarkInput(student_id=person.pk, status="present", was="")
        for person in (in_campus.stranger, in_campus.student)
    ]
    bulk = records_mark_bulk(marks=marks, nonce="nonce-0001", **facts)
    assert [(row["result"], row["code"]) for row in bulk.results] == [
        ("refused", "student_not_found"),
        ("saved", ""),
    ]


def test_whoever_is_marked_stays_in_the_register(in_campus: Cast, past: Any, now: Any) -> None:
    record_mark(
        session=past,
        student_id=in_campus.student.pk,
        status=Status.PRESENT,
        reason="",
        now=now,
        actor=ADA,
    )
    in_campus.student.enrollments.update(enrolled_on=now.date())
    assert codes(past) == ["MATE", "REPR", "STUD"]


def test_the_days_are_those_of_the_campus(in_campus: Cast) -> None:
    """00:30 in Berlin is the evening before in UTC."""
    joined = date(2026, 9, 15)
    Enrollment.objects.create(
        student=in_campus.stranger, course=in_campus.course, enrolled_on=joined
    )
    after_midnight = datetime.fromisoformat("2026-09-14T22:30+00:00")
    assert "STRA" in codes(make_session(in_campus.course, starts_at=after_midnight))
    before = after_midnight - timedelta(hours=1)
    session = make_session(in_campus.course, starts_at=before)
    assert "STRA" not in codes(session)
    ClassSession.objects.filter(pk=session.pk).update(
        starts_at=after_midnight + timedelta(minutes=1),
        ends_at=after_midnight + timedelta(hours=1),
    )
    assert "STRA" in codes(session)


def test_joined_today_and_a_register_of_two_days_ago(cast: Cast) -> None:
    """Case 42, as it was reported."""
    starts_at = timezone.now() - timedelta(days=2)
    row = [["id", "name", "department", "year", "section"], ["LATE1", "Late", "CSE", 2, "A"]]
    lecturer = signed_in(cast, cast.lecturer.user)
    planned = lecturer.post(
        "/api/v1/timetable/sessions",
        {
            "course": cast.course.pk,
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
            "topic": "Sorting",
        },
        format="json",
    )
    assert planned.status_code == 201, planned.content
    do_import(cast, "students", row, now=timezone.now())
    with campus_scope(cast.campus):
        late = Enrollment.objects.get(student__code="LATE1", course=cast.course).student
    taken = lecturer.post(
        f"/api/v1/sessions/{planned.json()['id']}/take",
        {
            "nonce": "nonce-00000001",
            "marks": [{"student": cast.student.pk, "status": "present"}],
        },
        format="json",
    )
    assert taken.status_code == 201, taken.content
    report = signed_in(cast, cast.admin).get(f"/api/v1/reports/students/{late.pk}").json()
    assert report["total"]["sessions"] == 0
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.filter(session=planned.json()["id"]).count() == 3


def test_check_ins_ask_for_the_day_of_the_session(cast: Cast) -> None:
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    token = code_of(cast, session.pk, timezone.now()).token
    with campus_scope(cast.campus):
        tomorrow = session.starts_at.date() + timedelta(days=2)
        cast.student.enrollments.update(enrolled_on=tomorrow)
    refused = phone.redeem(token=token)
    assert refused.json()["errors"][0]["code"] == "not_enrolled"
    with campus_scope(cast.campus):
        cast.student.enrollments.update(enrolled_on=date(2026, 9, 1))
    ticket = phone.ticket(token)
    with campus_scope(cast.campus):
        cast.student.enrollments.update(enrolled_on=tomorrow)
    assert phone.check_in(ticket).json()["reason"] == "not_enrolled"


def test_a_late_check_in_asks_for_the_day_of_the_session(cast: Cast) -> None:
    session = open_session(cast)
    phone = Phone(cast, cast.stranger)
    token = code_of(cast, session.pk, timezone.now()).token
    with campus_scope(cast.campus):
        enroll(cast.stranger, cast.course)
        cast.stranger.enrollments.update(enrolled_on=session.starts_at.date() + timedelta(days=2))
    item = phone.offline_item(session.pk, token, counter=1, at=timezone.now())
    assert phone.send_offline(item).json()["results"][0]["attempt"]["reason"] == "not_enrolled"
