"""Leave requests, decisions and closed sessions as tests of leave and appeals need them."""

from datetime import datetime, timedelta
from typing import Any

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Status
from apps.attendance.selectors.policies import Editor
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import Actor
from apps.leave.models import LeaveRequest
from apps.leave.services.effects import Effect
from apps.leave.services.leave import Absence, leave_decide, leave_request
from apps.sessions.models import ClassSession
from tests.factories import Cast, make_session

ADA = Actor(id="user:0", label="Ada")
DAY = timedelta(days=1)


def asked(
    student: Student, now: datetime, *, nonce: str = "nonce-0001", **fields: Any
) -> LeaveRequest:
    """A request for the day around `now`, for all courses."""
    file = fields.pop("file", None)
    absence = Absence(
        **{
            "starts_at": now - timedelta(hours=12),
            "ends_at": now + timedelta(hours=12),
            "category": "medical",
            "reason": "Operation",
            **fields,
        }
    )
    leave, _made = leave_request(
        student=student, absence=absence, nonce=nonce, file=file, now=now, actor=ADA
    )
    return leave


def decided(
    leave: LeaveRequest,
    now: datetime,
    *,
    approve: bool = True,
    was: str = "pending",
    note: str = "Noted.",
    role: Editor = Editor.OFFICE,
) -> Effect:
    _leave, effect = leave_decide(
        leave=leave, approve=approve, note=note, was=was, role=role, now=now, actor=ADA
    )
    return effect


def opened(cast: Cast, at: datetime, **fields: Any) -> ClassSession:
    session = make_session(fields.pop("course", cast.course), starts_at=at, **fields)
    return register_open(session=session, topic="Graphs", now=at, actor=ADA)


def closed(cast: Cast, at: datetime, **fields: Any) -> ClassSession:
    """Opened at its start and closed at its end; students without a mark are absent or on leave."""
    session = opened(cast, at, **fields)
    return register_close(session=session, now=session.ends_at, actor=ADA)


def marked(session: ClassSession, student: Student, status: str, now: datetime) -> AttendanceRecord:
    return record_mark(
        session=session,
        student_id=student.pk,
        status=Status(status),
        reason="seen",
        now=now,
        actor=ADA,
        role=Editor.OFFICE,
    )


def mark_of(session: ClassSession, student: Student) -> tuple[str, str]:
    """Status and source of the student's record."""
    return AttendanceRecord.objects.values_list("status", "source").get(
        session=session, student=student
    )
