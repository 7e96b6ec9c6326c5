"""What lecturers are told about registers."""

from datetime import datetime

from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone


def register_not_taken(*, session: ClassSession, now: datetime) -> int:
    """To the lecturer, once per session however often it is called; returns how many heard it."""
    lecturer = session.faculty.user_id
    when = period_text(session.starts_at, session.ends_at, campus_zone())
    return notify(
        kind="register_not_taken",
        user_ids={lecturer} if lecturer else set(),
        data={
            "course": session.title,
            "when": when,
            "session": session.pk,
            "room": str(session.classroom or "–"),
        },
        now=now,
        key=f"register_not_taken:{session.pk}",
    )
