"""Property: no status is lost, whatever the order of check-in, mark, undo, leave and closing.

One student in one session. After every step the register says what a model of a few lines says,
at the end the history holds every change and the summary equals a recomputation.
"""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.attendance.models import AttendanceRecord, BulkChange, RecordChange, RecordSource
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import bulk_undo
from apps.attendance.services.register import register_close
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.selectors.hot_path import prior_state
from apps.checkin.services.check_in import judged_session
from apps.checkin.services.record import record_from_attempt
from apps.leave.models import LeaveRequest
from apps.leave.services.leave import leave_withdraw
from apps.sessions.models import ClassSession
from apps.sessions.selectors import lock_for_check_in
from tests.attendance.test_summary import assert_summaries_equal_recomputation
from tests.factories import Cast
from tests.leave.support import ADA, DAY, asked, decided, marked, opened

PERSON, CHECK_IN, CLOSING, LEAVE = "person", "check_in", "closing", "leave"
Says = tuple[str, str] | None  # status and whose word it is; None while unmarked

_numbers = itertools.count(1)


@dataclass
class Model:
    """What ought to be, in the words of docs/leave.md."""

    says: Says = None
    before_leave: Says = None
    on_leave: bool = False
    is_closed: bool = False
    history: list[tuple[str, str]] = field(default_factory=list)
    bulks: list[tuple[Says, int]] = field(default_factory=list)  # what was, length of the history
    earned: str = ""  # by all check-ins so far

    def write(self, says: Says) -> None:
        """A change in a person's name."""
        self.history.append((self.says[0] if self.says else "", says[0] if says else ""))
        self.says = says

    def check_in(self, status: str) -> None:
        self.earned = "present" if "present" in (status, self.earned) else status
        self.says = self.improved(self.says, status)

    def improved(self, says: Says, status: str) -> Says:
        if says is None:
            return (status, CHECK_IN)
        if says[1] == PERSON or says[0] in ("present", "late"):
            return says
        return (status, CHECK_IN) if status == "present" or says[1] == CLOSING else says

    def mark(self, status: str) -> None:
        self.write((status, PERSON))

    def bulk(self, status: str) -> None:
        if self.says is None or self.says[0] != status:
            before = self.says
            self.write((status, PERSON))
            self.bulks.append((before, len(self.history)))

    def undo(self) -> None:
        before, length = self.bulks.pop()
        if length != len(self.history):
            return
        if before == ("excused", LEAVE) and not self.on_leave:
            before = self.before_leave or ("absent", CLOSING)
        if self.earned:
            before = self.improved(before, self.earned)
        if (before is None and self.is_closed) or before == ("absent", CLOSING):
            before = self.at_closing()
        self.write(before)

    def approve(self) -> None:
        self.on_leave = True
        if self.says and self.says[0] == "absent":
            self.before_leave = self.says
            self.write(("excused", LEAVE))

    def withdraw(self) -> None:
        self.on_leave = False
        if self.says == ("excused", LEAVE):
            self.write(self.before_leave or ("absent", CLOSING))

    def at_closing(self) -> Says:
        return ("excused", LEAVE) if self.on_leave else ("absent", CLOSING)

    def close(self) -> None:
        self.is_closed = True
        if self.says is None:
            self.says = self.at_closing()


class Register:
    """The same steps through the services."""

    def __init__(self, cast: Cast, now: datetime) -> None:
        self.student, self.now = cast.student, now
        at = now + next(_numbers) * DAY
        self.session: ClassSession = opened(cast, at)
        self.at = at
        self.leave: LeaveRequest | None = None
        self.bulks: list[BulkChange] = []

    def check_in(self, status: str) -> None:
        came = status == "present"
        attempt = CheckInAttempt.objects.create(
            session=self.session,
            student=self.student,
            nonce=f"nonce-{next(_numbers):06d}",
            method="qr",
            outcome=Outcome.ACCEPTED if came else Outcome.REFUSED,
            reason="" if came else Reason.FACE_MISMATCH,
            received_at=self.at,
        )
        row = lock_for_check_in(session_id=self.session.pk)
        assert row is not None
        known = prior_state(
            student_id=self.student.pk,
            session_id=self.session.pk,
            nonce=attempt.nonce,
        )
        record_from_attempt(attempt=attempt, session=judged_session(row), known=known, now=self.at)

    def mark(self, status: str) -> None:
        marked(self.session, self.student, status, self.at)

    def bulk(self, status: str) -> None:
        bulk = records_mark_bulk(
            session=self.session,
            marks=[
                MarkInput(
                    student_id=self.student.pk, status=status, was=self._status(), reason="seen"
                )
            ],
            nonce=f"nonce-{next(_numbers):06d}",
            now=self.at,
            actor=ADA,
        )
        if bulk.changes.exists():
            self.bulks.append(bulk)

    def undo(self) -> None:
        bulk_undo(bulk=self.bulks.pop(), now=self.at, actor=ADA)

    def approve(self) -> None:
        self.leave = asked(self.student, self.at, nonce=f"nonce-{next(_numbers):06d}")
        decided(self.leave, self.at)

    def withdraw(self) -> None:
        assert self.leave is not None
        leave_withdraw(leave=self.leave, now=self.at, actor=ADA)

    def close(self) -> None:
        self.session = register_close(session=self.session, now=self.at, actor=ADA)

    def _record(self) -> AttendanceRecord | None:
        return AttendanceRecord.objects.filter(session=self.session, student=self.student).first()

    def _status(self) -> str:
        record = self._record()
        return record.status if record else ""

    def says(self) -> Says:
        record = self._record()
        by_person = record is not None and record.source in (
            RecordSource.MANUAL,
            RecordSource.CORRECTED,
        )
        return record and (record.status, PERSON if by_person else str(record.source))

    def history(self) -> list[tuple[str, str]]:
        changes = RecordChange.objects.filter(session=self.session, student=self.student)
        return list(changes.order_by("pk").values_list("before", "after"))


def possible(model: Model, step: str) -> bool:
    return {
        "undo": bool(model.bulks),
        "approve": not model.on_leave,
        "withdraw": model.on_leave,
        "close": not model.is_closed,
    }.get(step, True)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("check_in"), st.sampled_from(["present", "invalid"])),
        st.tuples(
            st.sampled_from(["mark", "bulk"]), st.sampled_from(["present", "late", "absent"])
        ),
        st.tuples(st.sampled_from(["undo", "approve", "withdraw", "close"])),
    ),
    min_size=3,
    max_size=12,
)


@pytest.mark.slow
@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
def test_no_order_of_events_loses_a_status(
    in_campus: Cast, now: datetime, steps: list[tuple[Any, ...]]
) -> None:
    ClassSession.objects.filter(status="open").update(status="completed")
    LeaveRequest.objects.filter(status="approved").update(status="withdrawn")
    model, register = Model(), Register(in_campus, now)
    for step, *values in [*steps, ("close",)]:
        if not possible(model, step):
            continue
        getattr(model, step)(*values)
        getattr(register, step)(*values)
        assert register.says() == model.says, (step, values)
    assert model.says is not None
    assert register.history() == model.history
    assert_summaries_equal_recomputation()
