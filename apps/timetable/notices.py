"""What students and lecturers are told about their timetable: one message per change of a plan.

Single sessions are `apps.sessions.notices`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from apps.enrollments.models import Course
from apps.notifications.services import notify
from apps.sessions.notices import audience
from apps.timetable.models import Holiday, WeeklySlot


def slot_changed(*, slot: WeeklySlot, moved: int, cancelled: int, now: datetime) -> int:
    """One message for all sessions that followed a change of the weekly timetable."""
    return notify(
        kind="session_moved" if moved else "session_cancelled",
        user_ids=audience(course_ids=[slot.course_id, *(course.pk for course in slot.joined)]),
        text="timetable_changed",
        data={
            "course": str(slot.course),
            "slot": slot.pk,
            "moved": moved,
            "cancelled": cancelled,
        },
        now=now,
        key=f"slot_changed:{slot.pk}:{now.isoformat()}",
    )


def course_changed(*, course: Course, moved: int, cancelled: int, now: datetime) -> int:
    """One message for all sessions of a course that another plan of its term has changed."""
    return notify(
        kind="session_moved" if moved else "session_cancelled",
        user_ids=audience(course_ids=[course.pk]),
        text="timetable_changed",
        data={"course": str(course), "moved": moved, "cancelled": cancelled},
        now=now,
        key=f"course_changed:{course.pk}:{now.isoformat()}",
    )


def holiday_declared(*, holiday: Holiday, course_ids: Collection[int], now: datetime) -> int:
    """One message to everybody who loses a session."""
    return notify(
        kind="session_cancelled",
        user_ids=audience(course_ids=course_ids),
        text="holiday_declared",
        data=_days(holiday),
        now=now,
        key=f"holiday_declared:{holiday.pk}:{now.isoformat()}",
    )


def holiday_lifted(*, holiday: Holiday, course_ids: Collection[int], now: datetime) -> int:
    """One message to everybody who gets a session back."""
    return notify(
        kind="session_moved",
        user_ids=audience(course_ids=course_ids),
        text="holiday_lifted",
        data=_days(holiday),
        now=now,
        key=f"holiday_lifted:{holiday.pk}:{now.isoformat()}",
    )


def _days(holiday: Holiday) -> dict[str, Any]:
    return {
        "holiday": holiday.pk,
        "name": holiday.name,
        "first_day": holiday.first_day.isoformat(),
        "last_day": holiday.last_day.isoformat(),
    }
