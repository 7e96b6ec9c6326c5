"""What students are told when a check-in of theirs that waited was decided on, or lapsed."""

from datetime import datetime

from apps.checkin.models import CheckInAttempt, Reason
from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone


def check_in_decided(
    *, attempt: CheckInAttempt, session: ClassSession, accepted: bool, now: datetime
) -> int:
    """Once for each check-in, however often it is called; returns how many heard it.

    Expects `attempt.student` to be loaded.
    """
    account = attempt.student.user_id
    text = "check_in_lapsed" if attempt.reason == Reason.LAPSED else "check_in_declined"
    return notify(
        kind="check_in_decided",
        text="check_in_accepted" if accepted else text,
        user_ids={account} if account else set(),
        data={
            "course": str(session.course),
            "when": period_text(session.starts_at, session.ends_at, campus_zone()),
            "session": session.pk,
        },
        now=now,
        key=f"check_in_decided:{attempt.pk}",
    )
