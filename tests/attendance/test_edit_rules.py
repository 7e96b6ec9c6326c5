"""Who may still change a register, and registers taken afterwards."""

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.attendance.models import AttendanceRecord, Policy, RecordChange, RecordSource, Status
from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import bulk_undo
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open, register_take
from apps.audit.models import Entry
from apps.audit.services import Actor
from apps.common.errors import Invalid, Refused
from apps.qr_otp.models import QrSecret
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel
from tests.factories import Cast, make_session

pytestmark = pytest.mark.django_db
ADA = Actor(id="user:1", label="Ada")


def held(cast: Cast, now: datetime) -> ClassSession:
    session = make_session(cast.course, starts_at=now)
    register_open(session=session, topic="Graphs", now=now, actor=ADA)
    return register_close(session=session, now=session.ends_at, actor=ADA)


def correct(session: ClassSession, cast: Cast, at: datetime, role: Editor) -> str:
    """Try a correction; "" when it was made, else the refusal's code."""
    try:
        record_mark(
            session=session,
            student_id=cast.student.pk,
            status=Status.PRESENT,
            reason="was there",
            now=at,
            actor=ADA,
            role=role,
        )
    except Refused as refused:
        return refused.code
    return ""


def test_lecturers_correct_for_fourteen_days_and_administrators_after_that(
    in_campus: Cast, now: datetime
) -> None:
    session = held(in_campus, now)
    last = session.ends_at + timedelta(days=14)
    late = last + timedelta(seconds=1)
    assert correct(session, in_campus, late, Editor.LECTURER) == "edit_time_over"
    assert correct(session, in_campus, last, Editor.LECTURER) == ""
    assert correct(session, in_campus, late + timedelta(days=400), Editor.OFFICE) == ""


def test_the_policy_that_holds_now_says_how_long_not_the_frozen_one(
    in_campus: Cast, now: datetime
) -> None:
    session = held(in_campus, now)
    Policy.objects.create(version=1, edit_days=1, created_at=now)
    at = session.ends_at + timedelta(days=2)
    assert correct(session, in_campus, at, Editor.LECTURER) == "edit_time_over"
    Policy.objects.create(version=1, course=in_campus.course, edit_days=3, created_at=now)
    assert correct(session, in_campus, at, Editor.LECTURER) == ""


@pytest.mark.parametrize("role", list(Editor))
def test_nobody_changes_a_frozen_register_and_the_day_of_the_freeze_is_free(
    in_campus: Cast, role: Editor
) -> None:
    # 00:30 on the 15th in Berlin, still the 14th in UTC: the campus's day counts.
    session = held(in_campus, datetime(2026, 9, 14, 22, 30, tzinfo=UTC))
    at = session.ends_at
    Policy.objects.create(version=1, locked_before=date(2026, 9, 15), created_at=at)
    assert correct(session, in_campus, at, role) == ""
    Policy.objects.create(version=2, locked_before=date(2026, 9, 16), created_at=at)
    assert correct(session, in_campus, at, role) == "register_locked"


def test_every_writer_of_marks_keeps_to_the_freeze(in_campus: Cast, now: datetime) -> None:
    session = held(in_campus, now)
    mark = MarkInput(student_id=in_campus.student.pk, status="present", was="absent", reason="r")
    facts = {"now": now, "actor": ADA, "role": Editor.OFFICE}
    change = records_mark_bulk(session=session, marks=[mark], nonce="n-1", **facts)
    Policy.objects.create(version=1, locked_before=now.date() + timedelta(days=1), created_at=now)
    before = list(AttendanceRecord.objects.order_by("pk").values())
    for write in (
        lambda: records_mark_bulk(session=session, marks=[mark], nonce="n-2", **facts),
        lambda: bulk_undo(bulk=change, **facts),
    ):
        with pytest.raises(Refused) as refused:
            write()
        assert refused.value.code == "register_locked"
    assert list(AttendanceRecord.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("status", ["scheduled", "cancelled"])
def test_a_session_that_was_not_held_has_no_register(
    in_campus: Cast, now: datetime, status: str
) -> None:
    session = make_session(in_campus.course, starts_at=now, status=status)
    policy = policy_for(course=in_campus.course)
    reason = edit_refusal(session=session, role=Editor.OFFICE, policy=policy, now=now)
    assert reason == "session_not_open"


def test_a_mark_keeps_the_policy_that_its_session_was_held_under(
    in_campus: Cast, now: datetime
) -> None:
    first = Policy.objects.create(version=1, created_at=now)
    session = make_session(in_campus.course, starts_at=now)
    session = register_open(session=session, topic="T", now=now, actor=ADA)
    Policy.objects.create(version=2, created_at=now)
    assert correct(session, in_campus, now, Editor.LECTURER) == ""
    register_close(session=session, now=now, actor=ADA)
    kept = AttendanceRecord.objects.values_list("source", "policy_id")
    assert set(kept) == {(RecordSource.MANUAL, first.pk), (RecordSource.CLOSING, first.pk)}


# --- Taken afterwards ------------------------------------------------------------------------


def take(session: ClassSession, at: datetime, *marks: MarkInput, **fields: object):
    facts = {"topic": "Graphs", "nonce": "n-1", "actor": ADA, **fields}
    return register_take(session=session, marks=marks, now=at, **facts)


def test_a_register_that_nobody_opened_is_taken_by_hand_without_codes(
    in_campus: Cast, now: datetime
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    at = now + timedelta(days=1)
    mark = MarkInput(student_id=in_campus.student.pk, status="late", was="")
    bulk = take(session, at, mark)
    assert [row["result"] for row in bulk.results] == ["saved"]
    assert dict(AttendanceRecord.objects.values_list("student__code", "status")) == {
        "STUD": "late",
        "MATE": "absent",
        "REPR": "absent",
    }
    session.refresh_from_db()
    assert (session.status, session.topic) == (ClassSession.Status.COMPLETED, "Graphs")
    assert (session.total_enrolled, session.total_attended) == (3, 1)
    assert session.policy["late_after_minutes"] == 10
    assert not QrSecret.objects.exists()
    assert Entry.objects.filter(action="sessions.session.held_afterwards").count() == 1
    assert take(session, at, mark).pk == bulk.pk  # a retry gets the first answer
    assert RecordChange.objects.count() == 1


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (timedelta(minutes=60), "open_it_instead"),
        (timedelta(days=14, minutes=91), "edit_time_over"),
    ],
)
def test_a_register_is_taken_neither_too_early_nor_too_late(
    in_campus: Cast, now: datetime, after: timedelta, code: str
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    with pytest.raises(Refused) as refused:
        take(session, now + after)
    assert refused.value.code == code
    session.refresh_from_db()
    assert session.status == ClassSession.Status.SCHEDULED


def test_a_cancelled_or_held_session_is_not_taken_again(in_campus: Cast, now: datetime) -> None:
    cancelled = make_session(in_campus.course, starts_at=now)
    session_cancel(session=cancelled, reason="ill", now=now, actor=ADA)
    later = now + timedelta(hours=3)
    for session in (cancelled, held(in_campus, later)):
        with pytest.raises(Refused) as refused:
            take(session, later + timedelta(hours=2))
        assert refused.value.code == "not_scheduled"


def test_taking_a_register_needs_a_topic(in_campus: Cast, now: datetime) -> None:
    session = make_session(in_campus.course, starts_at=now)
    with pytest.raises(Invalid):
        take(session, now + timedelta(hours=2), topic=" ")
    assert not AttendanceRecord.objects.exists()
