"""Leave: what can be asked for, what a decision does to marks, and how it is undone."""

import threading
from datetime import date, datetime, timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    CustomStatus,
    Policy,
    RecordChange,
    Status,
)
from apps.attendance.selectors.policies import Editor
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import Actor
from apps.common.errors import Forbidden, Invalid, NotFound, Refused
from apps.leave.models import LeaveRequest
from apps.leave.services.leave import Absence, leave_decide, leave_request, leave_withdraw
from apps.notifications.models import Delivery, Message
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_cast
from tests.leave.support import ADA, DAY, asked, closed, decided, mark_of, marked, opened

pytestmark = pytest.mark.django_db

ABSENT = ("absent", "closing")
EXCUSED = ("excused", "leave")


# --- Asking ----------------------------------------------------------------------------------


def test_the_same_nonce_is_one_request(in_campus: Cast, now: datetime) -> None:
    first = asked(in_campus.student, now)
    again = asked(in_campus.student, now, reason="Another text")
    assert first.pk == again.pk
    assert LeaveRequest.objects.count() == 1
    assert Message.objects.filter(kind="leave_requested").count() == 1


@pytest.mark.parametrize(
    ("starts", "ends", "code"),
    [
        (timedelta(0), timedelta(0), "span_backwards"),
        (DAY, timedelta(0), "span_backwards"),
        (timedelta(0), 367 * DAY, "span_too_long"),
        (367 * DAY, 368 * DAY, "span_too_long"),
    ],
)
def test_impossible_spans_are_refused(
    in_campus: Cast, now: datetime, starts: timedelta, ends: timedelta, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        asked(in_campus.student, now, starts_at=now + starts, ends_at=now + ends)
    assert refused.value.code == code


def test_leave_is_asked_for_afterwards_as_long_as_lecturers_correct(
    in_campus: Cast, now: datetime
) -> None:
    asked(in_campus.student, now, starts_at=now - 14 * DAY)
    with pytest.raises(Refused) as refused:
        asked(
            in_campus.student,
            now,
            nonce="nonce-0002",
            starts_at=now - 14 * DAY - timedelta(minutes=1),
        )
    assert refused.value.code == "leave_too_late"
    Policy.objects.create(course=in_campus.course, version=1, edit_days=30, created_at=now)
    leave = asked(
        in_campus.student,
        now,
        nonce="nonce-0003",
        starts_at=now - 30 * DAY,
        course_id=in_campus.course.pk,
    )
    assert leave.course == in_campus.course


def test_leave_names_only_courses_that_are_attended(in_campus: Cast, now: datetime) -> None:
    with pytest.raises(NotFound, match="not enrolled"):
        asked(in_campus.student, now, course_id=in_campus.other_course.pk)


def test_who_may_decide_is_told_without_the_reason(in_campus: Cast, now: datetime) -> None:
    asked(in_campus.student, now, course_id=in_campus.course.pk)
    asked(in_campus.student, now, nonce="nonce-0002")
    first, second = Message.objects.order_by("pk")
    assert set(first.deliveries.values_list("user_id", flat=True)) == {in_campus.lecturer.user_id}
    told = set(second.deliveries.values_list("user_id", flat=True))
    assert told == {in_campus.admin.pk, in_campus.operator.pk}
    assert "Operation" not in str([first.data, second.data])


# --- Deciding --------------------------------------------------------------------------------


def test_approval_excuses_past_absences_and_keeps_the_history(
    in_campus: Cast, now: datetime
) -> None:
    session = closed(in_campus, now)
    leave = asked(in_campus.student, now)
    assert decided(leave, now + DAY).changed == 1
    assert mark_of(session, in_campus.student) == EXCUSED
    assert mark_of(session, in_campus.classmate) == ABSENT
    change = RecordChange.objects.get()
    assert (change.before, change.before_source, change.after) == ("absent", "closing", "excused")
    assert (change.leave_id, change.actor_label) == (leave.pk, "Ada")
    assert "illness" in change.reason
    summary = AttendanceSummary.objects.get(student=in_campus.student)
    assert (summary.total_sessions, summary.excused_sessions) == (0, 1)
    entry = Entry.objects.get(action="leave.request.approved")
    assert (entry.data["changed"], entry.data["kept"]) == (1, 0)


@pytest.mark.parametrize("status", ["present", "late", "invalid", "excused"])
def test_approval_touches_no_mark_but_absent(in_campus: Cast, now: datetime, status: str) -> None:
    session = closed(in_campus, now)
    marked(session, in_campus.student, status, now)
    assert decided(asked(in_campus.student, now), now).changed == 0
    assert mark_of(session, in_campus.student) == (status, "corrected")


def test_only_sessions_that_the_leave_touches_are_excused(in_campus: Cast, now: datetime) -> None:
    """A leave from 10:00 to 12:00: any part of a session counts, its bounds do not."""
    ends_then = closed(in_campus, now - timedelta(minutes=90))
    overlaps = closed(in_campus, now)
    starts_then = closed(in_campus, now + timedelta(hours=2))
    leave = asked(in_campus.student, now + 2 * DAY, starts_at=now, ends_at=now + timedelta(hours=2))
    decided(leave, now + 2 * DAY)
    assert mark_of(ends_then, in_campus.student) == ABSENT
    assert mark_of(overlaps, in_campus.student) == EXCUSED
    assert mark_of(starts_then, in_campus.student) == ABSENT


def test_leave_for_one_course_leaves_the_others_alone(in_campus: Cast, now: datetime) -> None:
    in_campus.student.enrollments.create(
        course=in_campus.other_course, enrolled_on=date(2026, 9, 1)
    )
    mine = closed(in_campus, now)
    other = closed(in_campus, now, course=in_campus.other_course)
    decided(asked(in_campus.student, now, course_id=in_campus.course.pk), now)
    assert mark_of(mine, in_campus.student) == EXCUSED
    assert mark_of(other, in_campus.student) == ABSENT


def test_closing_excuses_who_is_on_leave(in_campus: Cast, now: datetime) -> None:
    decided(asked(in_campus.student, now), now)
    asked(in_campus.classmate, now)  # not decided
    session = closed(in_campus, now)
    assert mark_of(session, in_campus.student) == EXCUSED
    assert mark_of(session, in_campus.classmate) == ABSENT
    assert not RecordChange.objects.exists()


def test_closing_takes_as_many_statements_with_leaves_as_without(
    in_campus: Cast, now: datetime
) -> None:
    def statements(session: object) -> int:
        with CaptureQueriesContext(connection) as queries:
            register_close(session=session, now=now + DAY, actor=ADA)  # type: ignore[arg-type]
        return len(queries)

    without = statements(opened(in_campus, now))
    for student in (in_campus.student, in_campus.classmate, in_campus.representative):
        decided(asked(student, now + DAY), now)
    assert statements(opened(in_campus, now + DAY)) == without


def test_who_came_in_spite_of_a_leave_is_present(in_campus: Cast, now: datetime) -> None:
    decided(asked(in_campus.student, now), now)
    session = opened(in_campus, now)
    marked(session, in_campus.student, "present", now)
    register_close(session=session, now=now + DAY, actor=ADA)
    assert mark_of(session, in_campus.student) == ("present", "manual")


@pytest.mark.parametrize("locked_before", [None, date(2026, 9, 1)])
def test_decisions_take_as_many_statements_for_many_absences(
    in_campus: Cast, now: datetime, locked_before: date | None
) -> None:
    Policy.objects.create(version=1, locked_before=locked_before, created_at=now)
    for day in range(6):
        closed(in_campus, now + day * DAY)
    later = now + 7 * DAY

    def statements(leave: LeaveRequest) -> list[int]:
        counts = []
        for work in (
            lambda: decided(leave, later),
            lambda: leave_withdraw(leave=leave, now=later, actor=ADA)[1],
        ):
            with CaptureQueriesContext(connection) as queries:
                assert work().changed
            counts.append(len(queries))
        return counts

    one = asked(in_campus.student, later, starts_at=now - DAY, ends_at=now + timedelta(hours=1))
    many = asked(in_campus.classmate, later, starts_at=now - DAY, ends_at=later)
    assert statements(one) == statements(many)


def test_a_rejection_says_why_and_changes_no_mark(in_campus: Cast, now: datetime) -> None:
    session = closed(in_campus, now)
    leave = asked(in_campus.student, now)
    with pytest.raises(Invalid, match="Say why"):
        decided(leave, now, approve=False, note=" ")
    assert decided(leave, now, approve=False, note="No certificate.").changed == 0
    assert mark_of(session, in_campus.student) == ABSENT
    message = Message.objects.get(kind="leave_decided")
    assert message.data["answer"] == "No certificate."
    assert set(Delivery.objects.filter(message=message).values_list("user_id", flat=True)) == {
        in_campus.student.user_id
    }


def test_a_decision_that_came_between_is_not_overwritten(in_campus: Cast, now: datetime) -> None:
    leave = asked(in_campus.student, now)
    decided(leave, now)
    with pytest.raises(Refused) as refused:
        leave_decide(
            leave=leave,
            approve=False,
            note="No.",
            was="pending",
            role=Editor.OFFICE,
            now=now,
            actor=Actor(id="user:2", label="Bob"),
        )
    assert refused.value.code == "changed_meanwhile"
    leave.refresh_from_db()
    assert leave.status == "approved"


def test_the_same_decision_again_is_harmless(in_campus: Cast, now: datetime) -> None:
    leave = asked(in_campus.student, now)
    decided(leave, now)
    decided(leave, now + DAY, note="Other words")
    leave.refresh_from_db()
    assert (leave.decided_at, leave.decision_note) == (now, "Noted.")
    assert Message.objects.filter(kind="leave_decided").count() == 1


def test_nobody_decides_the_own_request(in_campus: Cast, now: datetime) -> None:
    leave = asked(in_campus.student, now)
    with pytest.raises(Forbidden) as refused:
        leave_decide(
            leave=leave,
            approve=True,
            note="",
            was="pending",
            role=Editor.OFFICE,
            now=now,
            actor=Actor(id=f"user:{in_campus.student.user_id}", label="Me"),
        )
    assert refused.value.code == "own_request"


def test_marks_out_of_a_lecturers_time_stay_and_are_counted(in_campus: Cast, now: datetime) -> None:
    old, young = closed(in_campus, now), closed(in_campus, now + 5 * DAY)
    leave = asked(in_campus.student, now + 6 * DAY, starts_at=now - DAY)
    later = now + 16 * DAY
    effect = decided(leave, later, role=Editor.LECTURER)
    assert (effect.changed, effect.kept) == (1, 1)
    assert mark_of(old, in_campus.student) == ABSENT
    assert mark_of(young, in_campus.student) == EXCUSED


def test_frozen_registers_stay_for_everybody(in_campus: Cast, now: datetime) -> None:
    locked, free = closed(in_campus, now), closed(in_campus, now + DAY)
    leave = asked(in_campus.student, now + DAY, starts_at=now - DAY)
    Policy.objects.create(version=1, locked_before=date(2026, 9, 15), created_at=now)
    effect = decided(leave, now + DAY)
    assert (effect.changed, effect.kept) == (1, 1)
    assert mark_of(locked, in_campus.student) == ABSENT
    assert mark_of(free, in_campus.student) == EXCUSED


# --- Taking it back --------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["withdraw", "reject"])
def test_taking_an_approval_back_restores_both_kinds_of_marks(
    in_campus: Cast, now: datetime, how: str
) -> None:
    before = closed(in_campus, now)
    leave = asked(in_campus.student, now, ends_at=now + 2 * DAY)
    decided(leave, now)
    after = closed(in_campus, now + DAY)
    assert {mark_of(before, in_campus.student), mark_of(after, in_campus.student)} == {EXCUSED}
    if how == "withdraw":
        _leave, effect = leave_withdraw(leave=leave, now=now + 2 * DAY, actor=ADA)
    else:
        effect = decided(leave, now + 2 * DAY, approve=False, was="approved")
    assert effect.changed == 2
    assert {mark_of(before, in_campus.student), mark_of(after, in_campus.student)} == {ABSENT}
    assert AttendanceSummary.objects.get(student=in_campus.student).absent_sessions == 2


def test_an_absence_that_a_person_marked_comes_back_as_theirs_with_its_label(
    in_campus: Cast, now: datetime
) -> None:
    session = closed(in_campus, now)
    CustomStatus.objects.create(
        code="truant", name="Truant", meaning="absent", points=0, counts_as="missed"
    )
    record_mark(
        session=session,
        student_id=in_campus.student.pk,
        status=Status.ABSENT,
        label="truant",
        reason="seen outside",
        now=now,
        actor=ADA,
    )
    leave = asked(in_campus.student, now)
    decided(leave, now)
    assert mark_of(session, in_campus.student) == EXCUSED
    leave_withdraw(leave=leave, now=now, actor=ADA)
    record = AttendanceRecord.objects.get(student=in_campus.student)
    assert (record.status, record.source, record.label.code) == ("absent", "corrected", "truant")


def test_what_a_person_marked_after_the_approval_stands(in_campus: Cast, now: datetime) -> None:
    session = closed(in_campus, now)
    leave = asked(in_campus.student, now)
    decided(leave, now)
    marked(session, in_campus.student, "excused", now)
    leave_withdraw(leave=leave, now=now, actor=ADA)
    assert mark_of(session, in_campus.student) == ("excused", "corrected")


def test_another_approved_leave_keeps_its_sessions_excused(in_campus: Cast, now: datetime) -> None:
    session = closed(in_campus, now)
    first = asked(in_campus.student, now)
    second = asked(in_campus.student, now, nonce="nonce-0002", category="family")
    decided(first, now)
    decided(second, now)
    leave_withdraw(leave=first, now=now, actor=ADA)
    assert mark_of(session, in_campus.student) == EXCUSED
    leave_withdraw(leave=second, now=now, actor=ADA)
    assert mark_of(session, in_campus.student) == ABSENT


def test_a_rejected_request_cannot_be_withdrawn_and_a_withdrawn_one_not_decided(
    in_campus: Cast, now: datetime
) -> None:
    rejected = asked(in_campus.student, now)
    decided(rejected, now, approve=False)
    with pytest.raises(Refused) as refused:
        leave_withdraw(leave=rejected, now=now, actor=ADA)
    assert refused.value.code == "leave_rejected"
    withdrawn = asked(in_campus.student, now, nonce="nonce-0002")
    for _ in range(2):
        leave_withdraw(leave=withdrawn, now=now, actor=ADA)
    with pytest.raises(Refused) as refused:
        decided(withdrawn, now)
    assert refused.value.code == "leave_withdrawn"


# --- At the same moment ----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_the_closing_at_the_same_moment_leave_nobody_absent() -> None:
    """Whichever of the two comes first."""
    cast = make_cast("north")
    now = datetime.fromisoformat("2026-09-14T08:00:00+00:00")
    failures: list[BaseException] = []

    def run(work: object) -> None:
        try:
            with campus_scope(cast.campus):
                work()  # type: ignore[operator]
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    for number in range(6):
        at = now + number * DAY
        with campus_scope(cast.campus):
            session = opened(cast, at)
            leave = asked(cast.student, at, nonce=f"nonce-{number:04d}")
        threads = [
            threading.Thread(target=run, args=(work,))
            for work in (
                lambda leave=leave, at=at: decided(leave, at),
                lambda session=session, at=at: register_close(session=session, now=at, actor=ADA),
            )
        ]
        for thread in threads[:: 1 if number % 2 else -1]:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        with campus_scope(cast.campus):
            assert mark_of(session, cast.student) == EXCUSED
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_the_same_request_twice_at_once_is_one() -> None:
    cast = make_cast("north")
    now = datetime.fromisoformat("2026-09-14T08:00:00+00:00")
    made: list[bool] = []

    def ask() -> None:
        absence = Absence(starts_at=now, ends_at=now + DAY, category="other", reason="R")
        try:
            with campus_scope(cast.campus):
                _leave, new = leave_request(
                    student=cast.student, absence=absence, nonce="nonce-0001", now=now, actor=ADA
                )
            made.append(new)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(made) == [False, False, False, True]
    with campus_scope(cast.campus):
        assert LeaveRequest.objects.count() == 1
