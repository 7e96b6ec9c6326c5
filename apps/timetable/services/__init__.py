"""Writes of the timetable."""

from apps.timetable.services.calendar_links import calendar_link_create, calendar_link_remove
from apps.timetable.services.generate import GenerationClash, GenerationResult, sessions_generate
from apps.timetable.services.holidays import (
    HolidayResult,
    holiday_create,
    holiday_remove,
    holiday_update,
)
from apps.timetable.services.sessions import (
    session_plan,
    session_reschedule,
    session_substitute,
    session_swap,
)
from apps.timetable.services.slots import (
    SlotResult,
    slot_create,
    slot_remove,
    slot_update,
    slots_create,
    term_turn_follow,
)

__all__ = [
    "GenerationClash",
    "GenerationResult",
    "HolidayResult",
    "SlotResult",
    "calendar_link_create",
    "calendar_link_remove",
    "holiday_create",
    "holiday_remove",
    "holiday_update",
    "session_plan",
    "session_reschedule",
    "session_substitute",
    "session_swap",
    "sessions_generate",
    "slot_create",
    "slot_remove",
    "slot_update",
    "slots_create",
    "term_turn_follow",
]
