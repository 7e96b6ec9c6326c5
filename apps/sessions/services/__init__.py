"""Writes of class sessions: their plan and their life."""

from apps.sessions.services.bulk import Planned, sessions_plan
from apps.sessions.services.life import (
    BURST,
    CHECK_IN,
    START,
    another_session_open,
    check_in_code_issue,
    session_complete,
    session_hold_afterwards,
    session_open,
    session_totals_set,
    start_code_issue,
    start_code_use,
    start_subject,
    student_subject,
    subject_of,
)
from apps.sessions.services.plan import (
    DEFAULT_LENGTH,
    session_cancel,
    session_change,
    session_create,
    session_remove,
    sessions_cancel,
    sessions_swap,
)

__all__ = [
    "BURST",
    "CHECK_IN",
    "DEFAULT_LENGTH",
    "START",
    "Planned",
    "another_session_open",
    "check_in_code_issue",
    "session_cancel",
    "session_change",
    "session_complete",
    "session_create",
    "session_hold_afterwards",
    "session_open",
    "session_remove",
    "session_totals_set",
    "sessions_cancel",
    "sessions_plan",
    "sessions_swap",
    "start_code_issue",
    "start_code_use",
    "start_subject",
    "student_subject",
    "subject_of",
]
