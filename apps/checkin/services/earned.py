"""What check-ins earned while a mark by a person stood, for when that mark is taken back."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.services.check_in import judged_session
from apps.checkin.services.record import INVALID_REASONS, record_values
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_for_check_in


def earned_by_check_in(
    *, session: ClassSession, students: Collection[int]
) -> dict[int, dict[str, Any]]:
    """By student, the fields of the record that their first accepted check-in earns, else their
    first that was refused with something that did not hold. At most two statements.
    """
    earning = Q(outcome=Outcome.ACCEPTED) | Q(reason__in=INVALID_REASONS)
    attempts = list(
        CheckInAttempt.objects.filter(earning, session=session, student_id__in=students).order_by(
            "received_at", "pk"
        )
    )
    row = session_for_check_in(session_id=session.pk) if attempts else None
    if row is None:
        return {}
    judged = judged_session(row)
    found: dict[int, dict[str, Any]] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.outcome != Outcome.ACCEPTED):
        values = record_values(attempt, judged)
        if values is not None:
            found.setdefault(attempt.student_id, values)
    return found
