"""Days on the entered campus's calendar."""

from datetime import date, datetime, timedelta

from apps.sessions.selectors import campus_zone


def horizon(*, days: int, now: datetime) -> tuple[date, date]:
    """Today on the campus, and the last of that many days after it."""
    today = now.astimezone(campus_zone()).date()
    return today, today + timedelta(days=days)
