"""The check-ins that wait for a lecturer: one list, whatever they wait for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord
from apps.attendance.selectors.register import ATTENDED, BY_PERSON
from apps.checkin.explanation import explain, waiting_text
from apps.checkin.models import CheckInAttempt, Outcome
from apps.liveness.selectors import second_opinions
from apps.sessions.models import ClassSession

LAPSE_BATCH: Final = 500


def settled_otherwise() -> Q:
    """Records that no waiting check-in changes any more: attended, or marked by a person."""
    return Q(status__in=ATTENDED) | Q(source__in=BY_PERSON)


def waiting_attempts() -> QuerySet[CheckInAttempt]:
    """Waiting check-ins that somebody should decide on: those of students whose mark is settled
    otherwise are left out, and lapse unseen."""
    settled = AttendanceRecord.objects.filter(
        settled_otherwise(), session_id=OuterRef("session_id"), student_id=OuterRef("student_id")
    )
    return CheckInAttempt.objects.filter(~Exists(settled), outcome=Outcome.WAITING)


def lapsing_sessions(*, now: datetime) -> list[int]:
    """Ids of sessions with check-ins that waited too long; the next run finds what is left."""
    due = CheckInAttempt.objects.filter(outcome=Outcome.WAITING, waits_until__lte=now)
    ids = due.order_by("session_id").values_list("session_id", flat=True)
    return list(ids.distinct()[:LAPSE_BATCH])


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One student of a session with the newest check-in that waits.

    `why` says in words what is missing, `explanation` what was proven, `opinion` what a program
    thinks of the head turns ("" for nothing), `number` how many wait.
    """

    attempt: CheckInAttempt
    student: Student
    why: str
    explanation: str
    opinion: str
    number: int

    @property
    def at(self) -> datetime:
        """When the code was scanned."""
        return self.attempt.scanned_at


def waiting_in(*, session_id: int) -> list[Waiting]:
    """Who waits in this session, by student number. Two statements."""
    rows = (
        waiting_attempts()
        .filter(session_id=session_id)
        .select_related("student")
        .order_by("student__code", "-received_at")
    )
    by_student: dict[int, list[CheckInAttempt]] = {}
    for attempt in rows:
        by_student.setdefault(attempt.student_id, []).append(attempt)
    opinions = second_opinions(references=[str(one[0].pk) for one in by_student.values()])
    return [
        Waiting(
            attempt=attempts[0],
            student=attempts[0].student,
            why=waiting_text(attempts[0]),
            explanation=explain(attempts[0]),
            opinion=opinions.get(str(attempts[0].pk), ""),
            number=len(attempts),
        )
        for attempts in by_student.values()
    ]


def waiting_sessions(*, faculty: Faculty) -> list[ClassSession]:
    """The lecturer's sessions in which somebody waits, with `waiting` (how many students) and
    `waits_until` (when the first lapses); the most urgent first. Two statements."""
    rows = list(
        waiting_attempts()
        .filter(session__faculty=faculty)
        .values("session_id")
        .annotate(students=Count("student_id", distinct=True), until=Min("waits_until"))
        .order_by("until", "session_id")
    )
    sessions = ClassSession.objects.select_related("course__subject").in_bulk(
        [row["session_id"] for row in rows]
    )
    found = []
    for row in rows:
        session = sessions[row["session_id"]]
        session.waiting = row["students"]  # type: ignore[attr-defined]
        session.waits_until = row["until"]  # type: ignore[attr-defined]
        found.append(session)
    return found


def waiting_of_student(*, student: Student) -> list[CheckInAttempt]:
    """The student's own check-ins that wait, newest session first, one of each session."""
    rows = (
        waiting_attempts()
        .filter(student=student)
        .select_related("session__course__subject")
        .order_by("-session__starts_at", "session_id", "-received_at")
    )
    newest: dict[int, CheckInAttempt] = {}
    for attempt in rows:
        newest.setdefault(attempt.session_id, attempt)
    return list(newest.values())
