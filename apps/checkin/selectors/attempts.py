"""Check-in attempts by the sessions and the marks that they belong to."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q

from apps.attendance.models import AttendanceRecord
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.liveness.reasons import DEFINITE
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


def somebody_else_seen(attempt: CheckInAttempt, session: JudgedSession) -> bool:
    """Whether an earlier check-in of this session showed another face or a copied photo: removing
    the enrolled one since does not undo that."""
    earlier = CheckInAttempt.objects.filter(
        session_id=session.id,
        student_id=attempt.student_id,
        received_at__range=(session.opened_at, attempt.received_at),
    ).exclude(pk=attempt.pk)
    copied = Q(reason__in=(Reason.ENROLLED_PHOTO, Reason.OTHERS_PHOTO))
    return earlier.filter(Q(factors__face__passed=False) | copied).exists()


def turns_failed_before(attempt: CheckInAttempt) -> bool:
    """Whether an earlier check-in of this session failed the head turns."""
    return CheckInAttempt.objects.filter(
        session_id=attempt.session_id,
        student_id=attempt.student_id,
        received_at__lt=attempt.received_at,
        factors__face__passed=False,
        factors__face__reason__in=DEFINITE,
    ).exists()


def tried_before(attempt: CheckInAttempt) -> bool:
    """Whether an offline check-in of this session waits already or was not good enough, or the
    lecturer refused one: the answer to it must not be what the next one is made up from."""
    earlier = CheckInAttempt.objects.filter(
        session_id=attempt.session_id,
        student_id=attempt.student_id,
        received_at__lt=attempt.received_at,
    )
    waits = Q(outcome=Outcome.WAITING) | Q(reason__in=(Reason.SCORE_TOO_LOW, Reason.LAPSED))
    return earlier.filter(Q(reason=Reason.DECLINED) | Q(waits, offline=True)).exists()
