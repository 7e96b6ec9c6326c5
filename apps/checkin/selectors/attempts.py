"""Check-in attempts by the sessions and the marks that they belong to."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from apps.attendance.models import AttendanceRecord
from apps.checkin.models import CheckInAttempt, Outcome
from apps.sessions.models import ClassSession

UNDECIDED: Final = (Outcome.PENDING, Outcome.WAITING)


def undecided_students(*, session: ClassSession) -> set[int]:
    """Students whose face is still being compared, or whose check-in waits for the lecturer."""
    attempts = CheckInAttempt.objects.filter(session=session, outcome__in=UNDECIDED)
    return set(attempts.values_list("student_id", flat=True))


def attempts_behind(*, records: Iterable[AttendanceRecord]) -> dict[UUID | None, CheckInAttempt]:
    """The attempts that made these marks, by their id. At most one statement."""
    wanted = {record.attempt_id for record in records if record.attempt_id}
    return CheckInAttempt.objects.in_bulk(wanted) if wanted else {}
