"""One-time codes that are typed at a kiosk: for students without a phone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.accounts.models import Student
from apps.attendance.selectors.register import register_of
from apps.checkin.models import CheckInAttempt, Method, Reason
from apps.common.digits import plain_digits
from apps.qr_otp.problems import Problem
from apps.qr_otp.services import counted_try, one_time_code_use, one_time_code_used
from apps.sessions.models import ClassSession
from apps.sessions.services import CHECK_IN, student_subject, subject_of
from apps.terminals.models import CardTerminal
from apps.terminals.reasons import KioskReason
from apps.terminals.selectors import kiosk_sessions
from apps.terminals.services.counting import (
    ONE,
    accepted_attempt,
    attempt_write,
    session_hold,
    students_lock,
)
from apps.terminals.services.punches import terminal_actor

# A code is told to one student in person: at the kiosk it is as good as the lecturer's mark.
WORTH: Final = ONE


@dataclass(frozen=True, kw_only=True)
class KioskCode:
    """Outcome of a code: the student who is there, in which session, or why nobody is."""

    student: Student | None = None
    session: ClassSession | None = None
    reason: Reason | KioskReason | None = None


@transaction.atomic
def kiosk_code_use(*, kiosk: CardTerminal, code_of: str, code: str, now: datetime) -> KioskCode:
    """Check a student in by their number and the code that the lecturer told them.

    Five tries per student and session, together with those on phones. Numbers that are in no
    register are answered like wrong codes. The same code again is the same check-in. In a room
    with two open sessions it is of the one in whose register the student is, and of none for who
    is in both.
    """
    number, code = plain_digits(code_of).strip(), plain_digits(code).replace(" ", "")
    sessions = list(kiosk_sessions(kiosk))
    if not sessions:
        return KioskCode(reason=Reason.NOT_OPEN)
    places = [place for one in sessions if (place := _place_in(one, number)) is not None]
    if len(places) != 1:
        return KioskCode(reason=KioskReason.TWO_SESSIONS if places else Reason.WRONG_CODE)
    [(its_session, student)] = places
    session_id = its_session.pk
    students_lock([student.pk])
    session, is_completed = session_hold(session_id)
    if is_completed or not _is_open(session_id):
        return KioskCode(reason=Reason.NOT_OPEN)
    used: list[int] = []

    def judge() -> Problem:
        subject = student_subject(session_id, student.pk)
        asked = {"purpose": CHECK_IN, "subject": subject, "code": code, "now": now}
        again = one_time_code_used(**asked)  # type: ignore[arg-type]
        if again is not None:
            used.append(again)
            return Problem.NONE
        use = one_time_code_use(**asked)  # type: ignore[arg-type]
        used.extend([use.code_id] if use.code_id is not None and not use.problem else [])
        return use.problem

    who = f"student:{student.pk}"
    problem = counted_try(
        purpose=CHECK_IN, subject=subject_of(session_id), who=who, now=now, judge=judge
    )
    if problem:
        return KioskCode(reason=Reason(problem))
    nonce = f"kiosk:{used[0]}"
    if not CheckInAttempt.objects.filter(student=student, nonce=nonce).exists():
        attempt = accepted_attempt(
            session,
            student_id=student.pk,
            nonce=nonce,
            method=Method.KIOSK,
            worth=WORTH,
            at=now,
            now=now,
        )
        attempt_write(attempt, session, now=now, actor=terminal_actor(kiosk))
    return KioskCode(student=student, session=its_session)


def _place_in(session: ClassSession, number: str) -> tuple[ClassSession, Student] | None:
    """The session with its student of this number; None where its register has no such."""
    enrolled = register_of(session_id=session.pk).filter(student__code__iexact=number).first()
    return None if enrolled is None else (session, enrolled.student)


def _is_open(session_id: int) -> bool:
    return ClassSession.objects.filter(pk=session_id, status=ClassSession.Status.OPEN).exists()
