"""Reminding lecturers of what they left undone."""

from datetime import datetime, timedelta
from typing import Final

from apps.attendance.notices import register_not_taken
from apps.attendance.selectors.not_taken import registers_not_taken

LOOK_BACK: Final = timedelta(days=7)  # older ones stand in the list, without another message


def registers_remind(*, now: datetime) -> int:
    """Tell each lecturer of the entered campus once of each register that was not taken.

    Safe to run again: nobody is reminded of a session twice. Returns how many were sent.
    """
    return sum(
        register_not_taken(session=session, now=now)
        for session in registers_not_taken(now=now, since=now - LOOK_BACK)
    )
