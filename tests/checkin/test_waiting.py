"""Check-ins that wait for the lecturer: one list, one decision, one lapse."""

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    Policy,
    RecordChange,
    RecordSource,
    Status,
)
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.checkin import tasks
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.waiting import (
    lapsing_sessions,
    waiting_in,
    waiting_of_student,
    waiting_sessions,
)
from apps.checkin.services.waiting import waiting_decide, waiting_lapse
from apps.checkin.tasks import lapse_waiting
from apps.common.errors import Refused
from apps.notifications.models import Delivery
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.checkin.test_offline import closed_at, item, opened_earlier, sent
from tests.factories import Cast, make_cast
from tests.phone import Phone, signed_in

pytestmark = pytest.mark.django_db
NOWHERE: dict[str, Any] = {"location": None, "beacons": None}


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    """Opened an hour ago."""
    return opened_earlier(open_session(cast), timedelta(hours=1))


def kept_waiting(
    cast: Cast, session: ClassSession, student: Any, *, after: int = 2, counter: int = 1
) -> UUID:
    """The student sends an offline check-in without proof of the place."""
    assert session.opened_at is not None
    scanned = session.opened_at + timedelta(minutes=after)
    phone = Phone(cast, student)
    (result,) = sent(phone, item(phone, session, scanned, counter=counter, **NOWHERE))
    assert result["attempt"]["outcome"] == "waiting", result
    return UUID(result["attempt"]["id"])


def decide(session: ClassSession, *ids: UUID, accept: bool, now: datetime | None = None) -> Any:
    return waiting_decide(
        session=session,
        attempt_ids=ids,
        accept=accept,
        now=now or timezone.now(),
        actor=SYSTEM,
    )


def status_of(cast: Cast, student: Any) -> str:
    return (
        AttendanceRecord.objects.filter(student=student).values_list("status", flat=True).first()
        or ""
    )


def test_it_makes_no_mark_and_is_listed_with_what_it_lacks(
    cast: Cast, session: ClassSession
) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        assert status_of(cast, cast.student) == ""
        (one,) = waiting_in(session_id=session.pk)
        assert (one.attempt.pk, one.student) == (attempt, cast.student)
        assert "place is not proven" in one.why
        assert "device ✓" in one.explanation
        assert one.attempt.waits_until is not None
        assert one.attempt.waits_until >= session.ends_at + timedelta(hours=48)


def test_the_ones_that_wait_are_accepted_together_by_the_time_of_their_codes(
    cast: Cast, session: ClassSession
) -> None:
    ids = [
        kept_waiting(cast, session, cast.student),
        kept_waiting(cast, session, cast.classmate, after=25),
    ]
    with campus_scope(cast.campus):
        assert len(decide(session, *ids, accept=True)) == 2
        records = {row.student_id: row for row in AttendanceRecord.objects.all()}
        assert records[cast.student.pk].status == Status.PRESENT
        assert records[cast.classmate.pk].status == Status.LATE
        assert records[cast.student.pk].source == RecordSource.CHECK_IN
        assert waiting_in(session_id=session.pk) == []
        change = RecordChange.objects.get(student=cast.student)
        assert (change.before, change.after) == ("", Status.PRESENT)
        assert "place is not proven" in change.reason
        assert Entry.objects.filter(action="checkin.waiting.accepted").count() == 2
        told = Delivery.objects.filter(message__kind="check_in_decided")
        assert {row.user_id for row in told} >= {cast.student.user_id, cast.classmate.user_id}
        attempt = CheckInAttempt.objects.get(pk=ids[0])
        assert attempt.decided_by == SYSTEM.label
        assert attempt.settled_at is not None


def test_a_refused_one_leaves_an_open_session_to_its_closing(
    cast: Cast, session: ClassSession
) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        decide(session, attempt, accept=False)
        assert CheckInAttempt.objects.get().reason == "declined"
        assert status_of(cast, cast.student) == ""
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
        assert status_of(cast, cast.student) == Status.ABSENT


def test_the_closing_leaves_them_open_and_the_decision_mends_the_totals(
    cast: Cast, session: ClassSession
) -> None:
    first = kept_waiting(cast, session, cast.student)
    second = kept_waiting(cast, session, cast.classmate)
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        assert status_of(cast, cast.student) == ""
        assert AttendanceRecord.objects.count() == 1  # the third of the class
        decide(session, first, accept=True)
        decide(session, second, accept=False)
        assert status_of(cast, cast.student) == Status.PRESENT
        assert status_of(cast, cast.classmate) == Status.ABSENT
        session.refresh_from_db()
        assert (session.total_attended, session.total_enrolled) == (1, 3)
        summary = AttendanceSummary.objects.get(student=cast.student)
        assert (summary.attended_sessions, summary.total_sessions) == (1, 1)


def test_after_the_agreed_time_they_lapse_to_absent(cast: Cast, session: ClassSession) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        until = CheckInAttempt.objects.get(pk=attempt).waits_until
        assert until is not None
        assert lapsing_sessions(now=until - timedelta(seconds=1)) == []
        assert lapsing_sessions(now=until) == [session.pk]
        assert waiting_lapse(session_id=session.pk, now=until) == 1
        assert lapsing_sessions(now=until) == []
        assert status_of(cast, cast.student) == Status.ABSENT
        lapsed = CheckInAttempt.objects.get(pk=attempt)
        assert (lapsed.outcome, lapsed.reason) == ("refused", "lapsed")
        told = Delivery.objects.filter(message__kind="check_in_decided")
        assert told.filter(user_id=cast.student.user_id).exists()


@pytest.mark.parametrize("lapses", [True, False])
def test_who_turns_out_not_to_have_been_enrolled_that_day_is_not_absent(
    cast: Cast, session: ClassSession, lapses: bool
) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        session.refresh_from_db()
        cast.student.enrollments.update(status="dropped", ended_on=session.held_on)
        if lapses:
            CheckInAttempt.objects.update(waits_until=timezone.now())
            waiting_lapse(session_id=session.pk, now=timezone.now())
        else:
            decide(session, attempt, accept=False)
        assert status_of(cast, cast.student) == ""
        assert CheckInAttempt.objects.get().outcome == "refused"
        assert not AttendanceSummary.objects.filter(student=cast.student).exists()


def test_the_hours_are_the_policys(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, waiting_hours=1, created_at=timezone.now())
    session = opened_earlier(open_session(cast), timedelta(hours=1))
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        until = CheckInAttempt.objects.get(pk=attempt).waits_until
        assert until == session.ends_at + timedelta(hours=1)
        CheckInAttempt.objects.update(waits_until=timezone.now())
    assert lapse_waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_a_session_that_cannot_lapse_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor another campus; what it had changed is undone, and it is tried again."""
    held = {}
    for slug in ("north", "south"):
        cast = make_cast(slug)
        session = opened_earlier(open_session(cast), timedelta(hours=1))
        kept_waiting(cast, session, cast.student)
        with campus_scope(cast.campus):
            CheckInAttempt.objects.update(waits_until=timezone.now())
        held[session.pk] = cast.campus
    broken, right = min(held), waiting_lapse

    def failing(*, session_id: int, now: datetime) -> int:
        lapsed = right(session_id=session_id, now=now)
        if session_id == broken:
            raise RuntimeError("no")
        return lapsed

    monkeypatch.setattr(tasks, "waiting_lapse", failing)
    assert lapse_waiting() == 1
    with campus_scope(held[broken]):
        assert CheckInAttempt.objects.get().outcome == "waiting"
    monkeypatch.undo()
    assert lapse_waiting() == 1


def test_a_mark_by_a_person_takes_it_off_the_list_and_stays(
    cast: Cast, session: ClassSession
) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        record_mark(
            session=session,
            student_id=cast.student.pk,
            status=Status.EXCUSED,
            reason="",
            now=timezone.now(),
            actor=SYSTEM,
        )
        assert waiting_in(session_id=session.pk) == []
        with pytest.raises(Refused, match="waits any more"):
            decide(session, attempt, accept=True)
        CheckInAttempt.objects.update(waits_until=timezone.now())
        assert waiting_lapse(session_id=session.pk, now=timezone.now()) == 0
        assert status_of(cast, cast.student) == Status.EXCUSED
        assert CheckInAttempt.objects.get().reason == "decided_elsewhere"


def test_of_several_of_one_student_the_newest_is_decided_and_the_others_end(
    cast: Cast, session: ClassSession
) -> None:
    phone = Phone(cast, cast.student)
    assert session.opened_at is not None
    results = sent(
        phone,
        *(
            item(phone, session, session.opened_at + timedelta(minutes=m), counter=m, **NOWHERE)
            for m in (2, 3)
        ),
    )
    ids = [UUID(result["attempt"]["id"]) for result in results]
    with campus_scope(cast.campus):
        (one,) = waiting_in(session_id=session.pk)
        assert one.number == 2
        assert len(decide(session, *ids, accept=True)) == 1
        outcomes = sorted(CheckInAttempt.objects.values_list("outcome", "reason"))
        assert outcomes == [("accepted", ""), ("refused", "decided_elsewhere")]


@pytest.mark.parametrize("declined", [False, True])
def test_the_answer_to_one_does_not_help_to_make_up_the_next(
    cast: Cast, session: ClassSession, declined: bool
) -> None:
    """Without a place it waits, or the lecturer refuses it: with one it does not count either."""
    assert session.opened_at is not None
    phone, scanned = Phone(cast, cast.student), session.opened_at + timedelta(minutes=2)
    first = item(phone, session, scanned, counter=1, **NOWHERE)
    second = item(phone, session, scanned + timedelta(seconds=20), counter=2)
    (result,) = sent(phone, first)
    if declined:
        closed_at(session, timezone.now())
        with campus_scope(cast.campus):
            decide(session, UUID(result["attempt"]["id"]), accept=False)
    (result,) = sent(phone, second)
    assert (result["attempt"]["outcome"], result["attempt"]["reason"]) == (
        "waiting",
        "often_offline",
    )
    with campus_scope(cast.campus):
        assert status_of(cast, cast.student) == (Status.ABSENT if declined else "")
        assert len(waiting_in(session_id=session.pk)) == 1


def test_a_frozen_register_takes_no_decision(cast: Cast, session: ClassSession) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        late = timezone.now() + timedelta(days=30)
        with pytest.raises(Refused) as refused:
            decide(session, attempt, accept=True, now=late)
        assert refused.value.code == "edit_time_over"


def test_another_sessions_and_unknown_ids_are_passed_over(
    cast: Cast, session: ClassSession
) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=session.pk).update(status="completed")
        elsewhere = open_session(cast)
        with pytest.raises(Refused):
            decide(elsewhere, attempt, uuid4(), accept=True)
        assert CheckInAttempt.objects.get().outcome == "waiting"


def test_the_board_shows_and_counts_them(cast: Cast, session: ClassSession) -> None:
    kept_waiting(cast, session, cast.student)
    assert cast.lecturer.user is not None
    client = signed_in(cast, cast.lecturer.user)
    board = client.get(f"/api/v1/sessions/{session.pk}/board").json()
    row = next(row for row in board["rows"] if row["student_id"] == cast.student.pk)
    assert (row["status"], row["mark"], row["offline"]) == ("waiting", "", True)
    assert "place is not proven" in row["waits_for"]
    assert (board["counts"]["waiting"], board["counts"]["unmarked"]) == (1, 2)


def test_rest_lists_and_decides(cast: Cast, session: ClassSession) -> None:
    ids = [str(kept_waiting(cast, session, s)) for s in (cast.student, cast.classmate)]
    assert cast.lecturer.user is not None
    client = signed_in(cast, cast.lecturer.user)
    url = f"/api/v1/sessions/{session.pk}/waiting"
    rows = client.get(url).json()
    assert sorted(row["attempt"] for row in rows) == sorted(ids)
    assert {row["reason"] for row in rows} == {"place_unproven"}
    answer = client.post(f"{url}/decide", {"attempts": ids, "accept": True}, format="json")
    assert answer.status_code == 200, answer.content
    assert sorted(answer.json()["decided"]) == sorted(ids)
    assert answer.json()["waiting"] == []
    again = client.post(f"{url}/decide", {"attempts": ids, "accept": True}, format="json")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "nothing_waiting")
    for body in ({}, {"attempts": []}, {"attempts": ["x"], "accept": True}, {"attempts": ids}):
        assert client.post(f"{url}/decide", body, format="json").status_code == 400


def test_students_and_lecturers_find_them(cast: Cast, session: ClassSession) -> None:
    kept_waiting(cast, session, cast.student)
    kept_waiting(cast, session, cast.classmate)
    with campus_scope(cast.campus):
        (own,) = waiting_of_student(student=cast.student)
        assert own.session_id == session.pk
        assert waiting_of_student(student=cast.representative) == []
        (found,) = waiting_sessions(faculty=cast.lecturer)
        assert (found.pk, found.waiting) == (session.pk, 2)  # type: ignore[attr-defined]
        assert waiting_sessions(faculty=cast.outsider) == []


def test_the_database_keeps_a_deadline_for_each(cast: Cast, session: ClassSession) -> None:
    kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        for change in ({"waits_until": None}, {"outcome": "perhaps"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                CheckInAttempt.objects.update(**change)


@pytest.mark.django_db(transaction=True)
def test_two_decisions_at_once_are_one() -> None:
    cast = make_cast("north")
    session = opened_earlier(open_session(cast), timedelta(hours=1))
    attempt = kept_waiting(cast, session, cast.student)
    codes: list[str] = []

    def run(accept: bool) -> None:
        try:
            with campus_scope(cast.campus):
                decide(session, attempt, accept=accept)
                codes.append("done")
        except Refused as refusal:
            codes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(accept,)) for accept in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(codes) == ["done", "nothing_waiting"]
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.count() == (
            1 if CheckInAttempt.objects.get().outcome == "accepted" else 0
        )


def test_proof_of_place_by_fence_or_beacon_is_enough(cast: Cast, session: ClassSession) -> None:
    assert session.opened_at is not None
    at = session.opened_at + timedelta(minutes=2)
    for student, proof in (
        (cast.student, {"location": HERE, "beacons": None}),
        (cast.classmate, {"location": None, "beacons": HEARD}),
    ):
        phone = Phone(cast, student)
        (result,) = sent(phone, item(phone, session, at, **proof))
        assert result["attempt"]["outcome"] == "accepted"


def test_who_is_excused_and_came_all_the_same_waits_to_be_seen(
    cast: Cast, session: ClassSession
) -> None:
    with campus_scope(cast.campus):
        AttendanceRecord.objects.create(
            session=session,
            course=cast.course,
            student=cast.student,
            status=Status.EXCUSED,
            source=RecordSource.LEAVE,
            recorded_at=session.opened_at,
        )
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        assert [one.attempt.pk for one in waiting_in(session_id=session.pk)] == [attempt]
        decide(session, attempt, accept=True)
        assert status_of(cast, cast.student) == Status.PRESENT


def test_nobody_outside_the_days_register_is_accepted(cast: Cast, session: ClassSession) -> None:
    attempt = kept_waiting(cast, session, cast.student)
    with campus_scope(cast.campus):
        cast.student.enrollments.update(enrolled_on=session.held_on + timedelta(days=1))
        with pytest.raises(Refused, match="None of these"):
            decide(session, attempt, accept=True)
        assert len(decide(session, attempt, accept=False)) == 1
        assert status_of(cast, cast.student) == ""
