"""The counters of a completed session."""

from collections import Counter

from apps.attendance.selectors.register import register_of
from apps.attendance.selectors.summaries import attended_counts
from apps.sessions.models import ClassSession
from apps.sessions.services import session_course_totals_set, session_totals_set


def refresh_totals(*, session_id: int) -> None:
    """Bring a completed session's counters up to its records."""
    session = ClassSession.objects.get(pk=session_id)
    attended = attended_counts(session_id=session_id)
    session_totals_set(
        session_id=session_id,
        attended=sum(attended.values()),
        enrolled=session.total_enrolled,
    )
    if session.also_codes:
        register = register_of(session_id=session_id).values_list("course_id", flat=True)
        session_course_totals_set(
            session_id=session_id, attended=attended, enrolled=Counter(register)
        )
