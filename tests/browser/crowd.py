"""A hall of 300 students in an open session, in every state that the board shows."""

from datetime import date, timedelta
from typing import Any, Final

from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.enrollments.models import Enrollment
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session

CROWD: Final = 300
REFUSED: Final = "Amal Refused"
WAITING: Final = "Bela Waiting"
PROVEN: Final[dict[str, Any]] = {
    name: {"passed": True, "confidence": 1.0, "reason": "", "detail": {}}
    for name in ("qr", "device", "location")
}


def crowded_session(cast: Cast, crowd: int = CROWD) -> ClassSession:
    """Two thirds are here; one attempt was refused and one waits."""
    now = timezone.now()
    with campus_scope(cast.campus):
        names = [(f"S{number:04}", "Student", f"Number {number:04}") for number in range(crowd - 5)]
        names += [("REFU", *REFUSED.split()), ("WAIT", *WAITING.split())]
        students = Student.objects.bulk_create(
            Student(
                code=code,
                first_name=first,
                last_name=last,
                email=f"{code.lower()}@{cast.host}",
                year_of_study=2,
            )
            for code, first, last in names
        )
        Enrollment.objects.bulk_create(
            Enrollment(student=student, course=cast.course, enrolled_on=date(2026, 9, 1))
            for student in students
        )
        session = make_session(cast.course, starts_at=now - timedelta(minutes=12))
        session = register_open(session=session, topic="Graphs", now=now, actor=SYSTEM)
        *others, refused, waiting = students
        here = [
            _attempt(session, student, Outcome.ACCEPTED) for student in others[: 2 * crowd // 3]
        ]
        device = {"passed": False, "confidence": 0.0, "reason": "other_device", "detail": {}}
        CheckInAttempt.objects.bulk_create(
            [
                *here,
                _attempt(session, refused, Outcome.REFUSED, Reason.OTHER_DEVICE, device=device),
                _attempt(session, waiting, Outcome.WAITING, Reason.NO_PHOTO),
            ]
        )
        AttendanceRecord.objects.bulk_create(
            AttendanceRecord(
                session=session,
                student=attempt.student,
                course=cast.course,
                status=Status.PRESENT if number % 10 else Status.LATE,
                source=RecordSource.CHECK_IN,
                attempt_id=attempt.pk,
                recorded_at=now,
            )
            for number, attempt in enumerate(here)
        )
    return session


def _attempt(
    session: ClassSession, student: Student, outcome: str, reason: str = "", **factors: Any
) -> CheckInAttempt:
    now = timezone.now()
    return CheckInAttempt(
        session=session,
        student=student,
        nonce=f"nonce-{student.pk}",
        method="qr",
        outcome=outcome,
        reason=reason,
        score="0.75",
        factors={**PROVEN, **factors},
        received_at=now,
        redeemed_at=now,
        waits_until=now + timedelta(hours=48) if outcome == Outcome.WAITING else None,
    )
