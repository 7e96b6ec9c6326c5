"""Appeals: in time, one at a time, decided once, and what they do to the mark."""

import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from apps.attendance.models import AttendanceRecord, Policy, RecordChange
from apps.attendance.selectors.policies import Editor
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import bulk_undo
from apps.audit.models import Entry
from apps.audit.services import Actor
from apps.common.errors import Forbidden, Invalid, Refused
from apps.leave.models import Appeal
from apps.leave.services.appeals import appeal_create, appeal_decide, appeal_withdraw
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_cast
from tests.leave.support import ADA, DAY, closed, mark_of, marked, opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(in_campus: Cast, now: datetime) -> ClassSession:
    return closed(in_campus, now)


def made(cast: Cast, session: ClassSession, at: datetime, **fields: Any) -> Appeal:
    mark = AttendanceRecord.objects.get(session=session, student=cast.student)
    appeal, _new = appeal_create(
        student=cast.student,
        mark=mark,
        wanted=fields.pop("wanted", "present"),
        text="I sat in the first row.",
        nonce=fields.pop("nonce", "nonce-0001"),
        now=at,
        actor=ADA,
        **fields,
    )
    return appeal


def decided(appeal: Appeal, at: datetime, *, accept: bool = True, **fields: Any) -> Appeal:
    return appeal_decide(
        appeal=appeal,
        accept=accept,
        note=fields.pop("note", "I remember you."),
        role=fields.pop("role", Editor.LECTURER),
        now=at,
        actor=fields.pop("actor", ADA),
    )


def test_an_accepted_appeal_corrects_the_mark_with_its_reason(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    appeal = decided(made(in_campus, session, now, wanted="late"), now + DAY)
    assert (appeal.status, appeal.against, appeal.decided_by) == ("accepted", "absent", "Ada")
    assert mark_of(session, in_campus.student) == ("late", "corrected")
    change = RecordChange.objects.get()
    assert (change.before, change.after) == ("absent", "late")
    assert "I remember you." in change.reason
    session.refresh_from_db()
    assert session.total_attended == 1
    assert Entry.objects.filter(action="leave.appeal.accepted").count() == 1


def test_a_declined_appeal_says_why_and_leaves_the_mark(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    appeal = made(in_campus, session, now)
    with pytest.raises(Invalid, match="Say why"):
        decided(appeal, now, accept=False, note="")
    decided(appeal, now, accept=False, note="Nobody saw you.")
    assert mark_of(session, in_campus.student) == ("absent", "closing")
    message = Message.objects.get(kind="appeal_decided")
    assert message.data["answer"] == "Nobody saw you."
    assert message.deliveries.filter(user_id=in_campus.student.user_id).exists()


def test_the_lecturer_of_the_session_is_told(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    made(in_campus, session, now)
    message = Message.objects.get(kind="appeal_requested")
    told = set(message.deliveries.values_list("user_id", flat=True))
    assert told == {in_campus.lecturer.user_id}


def test_the_deadline_is_seven_days_after_the_end_and_follows_the_policy(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    last = session.ends_at + 7 * DAY
    late = last + timedelta(seconds=1)
    with pytest.raises(Refused) as refused:
        made(in_campus, session, late)
    assert refused.value.code == "appeal_too_late"
    first = made(in_campus, session, last)
    assert first.deadline_at == last
    appeal_withdraw(appeal=first, now=last, actor=ADA)
    Policy.objects.create(course=in_campus.course, version=1, appeal_days=8, created_at=now)
    assert made(in_campus, session, late, nonce="nonce-0002").status == "open"


def test_frozen_registers_cannot_be_appealed_against(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    Policy.objects.create(version=1, locked_before=date(2026, 9, 15), created_at=now)
    with pytest.raises(Refused) as refused:
        made(in_campus, session, now)
    assert refused.value.code == "register_locked"


def test_one_open_appeal_at_a_time_and_the_same_nonce_is_one(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    assert made(in_campus, session, now) == made(in_campus, session, now)
    with pytest.raises(Refused) as refused:
        made(in_campus, session, now, nonce="nonce-0002")
    assert refused.value.code == "appeal_open"
    assert Message.objects.filter(kind="appeal_requested").count() == 1


def test_what_the_register_says_already_is_not_appealed_for(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    marked(session, in_campus.student, "present", now)
    with pytest.raises(Refused) as refused:
        made(in_campus, session, now)
    assert refused.value.code == "nothing_to_appeal"


def test_a_declined_appeal_is_final_until_the_mark_is_another(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    decided(made(in_campus, session, now), now, accept=False)
    with pytest.raises(Refused) as refused:
        made(in_campus, session, now, nonce="nonce-0002")
    assert refused.value.code == "appeal_decided"
    marked(session, in_campus.student, "invalid", now)
    assert made(in_campus, session, now, nonce="nonce-0003").against == "invalid"


def test_an_appeal_is_decided_once(in_campus: Cast, session: ClassSession, now: datetime) -> None:
    appeal = made(in_campus, session, now)
    decided(appeal, now)
    decided(appeal, now + DAY)  # the same again
    assert RecordChange.objects.count() == 1
    with pytest.raises(Refused) as refused:
        decided(appeal, now, accept=False)
    assert refused.value.code == "appeal_closed"
    with pytest.raises(Refused):
        appeal_withdraw(appeal=appeal, now=now, actor=ADA)


def test_a_withdrawn_appeal_makes_room_for_another(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    appeal = made(in_campus, session, now)
    for _ in range(2):
        assert appeal_withdraw(appeal=appeal, now=now, actor=ADA).status == "withdrawn"
    with pytest.raises(Refused):
        decided(appeal, now)
    assert made(in_campus, session, now, nonce="nonce-0002").status == "open"


def test_a_lecturer_out_of_time_leaves_it_to_an_administrator(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    appeal = made(in_campus, session, now)
    late = session.ends_at + 15 * DAY
    with pytest.raises(Refused) as refused:
        decided(appeal, late)
    assert refused.value.code == "edit_time_over"
    appeal.refresh_from_db()
    assert appeal.status == "open"
    decided(appeal, late, role=Editor.OFFICE)
    assert mark_of(session, in_campus.student) == ("present", "corrected")


def test_nobody_decides_the_own_appeal(
    in_campus: Cast, session: ClassSession, now: datetime
) -> None:
    appeal = made(in_campus, session, now)
    with pytest.raises(Forbidden) as refused:
        decided(appeal, now, actor=Actor(id=f"user:{in_campus.student.user_id}", label="Me"))
    assert refused.value.code == "own_request"


def test_an_appeal_survives_a_mark_that_was_undone(in_campus: Cast, now: datetime) -> None:
    """Undoing takes the mark away; accepting marks the student anew."""
    session = opened(in_campus, now)
    student = in_campus.student
    bulk = records_mark_bulk(
        session=session,
        marks=[MarkInput(student_id=student.pk, status="absent", was="")],
        nonce="nonce-0001",
        now=now,
        actor=ADA,
    )
    appeal = made(in_campus, session, now)
    bulk_undo(bulk=bulk, now=now, actor=ADA)
    appeal.refresh_from_db()
    assert (appeal.record, appeal.status) == (None, "open")
    decided(appeal, now)
    assert mark_of(session, student) == ("present", "manual")


@pytest.mark.django_db(transaction=True)
def test_two_deciders_at_once_make_one_decision() -> None:
    cast = make_cast("north")
    now = datetime.fromisoformat("2026-09-14T08:00:00+00:00")
    with campus_scope(cast.campus):
        session = closed(cast, now)
        appeal = made(cast, session, now)
    answers: list[str] = []

    def decide(number: int) -> None:
        actor = Actor(id=f"user:-{number}", label=str(number))
        try:
            with campus_scope(cast.campus):
                decided(appeal, now, accept=number % 2 == 0, actor=actor)
            answers.append("decided")
        except Refused as refused:
            answers.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(answers) == ["appeal_closed"] * 3 + ["decided"]
    with campus_scope(cast.campus):
        assert Message.objects.filter(kind="appeal_decided").count() == 1
