"""What students and lecturers are told about their timetable.

Texts are message ids that are filled in from `data` in each recipient's language.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop

from apps.enrollments.models import Course, Enrollment
from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession
from apps.timetable.models import Holiday, WeeklySlot


def audience(*, course_ids: Collection[int]) -> set[int]:
    """Accounts of the enrolled students and of the lecturers of these courses. Two statements."""
    students = Enrollment.objects.filter(
        course_id__in=course_ids,
        status=Enrollment.Status.ENROLLED,
        student__is_active=True,
        student__user__isnull=False,
    ).order_by()
    lecturers = Course.objects.filter(pk__in=course_ids, faculty__user__isnull=False).order_by()
    return {
        *students.values_list("student__user_id", flat=True),
        *lecturers.values_list("faculty__user_id", flat=True),
    }


def _place(session: ClassSession, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "when": period_text(session.starts_at, session.ends_at, zone),
        "room": str(session.classroom or "–"),
    }


def session_moved(
    *, session: ClassSession, before: ClassSession, zone: ZoneInfo, now: datetime
) -> int:
    """The session has another time or room; `before` is how it stood."""
    old = _place(before, zone)
    return notify(
        kind="session_moved",
        user_ids=audience(course_ids=[session.course_id]),
        title=gettext_noop("%(course)s was moved"),
        body=gettext_noop("Now %(when)s, %(room)s. Before: %(old_when)s, %(old_room)s."),
        data={
            "session": session.pk,
            "course": str(session.course),
            "old_when": old["when"],
            "old_room": old["room"],
            **_place(session, zone),
        },
        now=now,
        key=f"session_moved:{session.pk}:{session.revision}",
    )


def session_cancelled(*, session: ClassSession, note: str, zone: ZoneInfo, now: datetime) -> int:
    return notify(
        kind="session_cancelled",
        user_ids=audience(course_ids=[session.course_id]),
        title=gettext_noop("%(course)s is cancelled"),
        body=gettext_noop("The session %(when)s does not take place. %(note)s"),
        data={
            "session": session.pk,
            "course": str(session.course),
            "note": note,
            **_place(session, zone),
        },
        now=now,
        key=f"session_cancelled:{session.pk}:{session.revision}",
    )


def slot_changed(*, slot: WeeklySlot, moved: int, cancelled: int, now: datetime) -> int:
    """One message for all sessions that followed a change of the weekly timetable."""
    return notify(
        kind="session_moved" if moved else "session_cancelled",
        user_ids=audience(course_ids=[slot.course_id]),
        title=gettext_noop("The timetable of %(course)s has changed"),
        body=gettext_noop(
            "Sessions moved: %(moved)d, cancelled: %(cancelled)d. See your schedule."
        ),
        data={
            "course": str(slot.course),
            "slot": slot.pk,
            "moved": moved,
            "cancelled": cancelled,
        },
        now=now,
        key=f"slot_changed:{slot.pk}:{now.isoformat()}",
    )


def holiday_declared(*, holiday: Holiday, course_ids: Collection[int], now: datetime) -> int:
    """One message to everybody who loses a session."""
    return notify(
        kind="session_cancelled",
        user_ids=audience(course_ids=course_ids),
        title=gettext_noop("No classes: %(name)s"),
        body=gettext_noop("Sessions from %(first_day)s to %(last_day)s do not take place."),
        data=_days(holiday),
        now=now,
        key=f"holiday_declared:{holiday.pk}:{now.isoformat()}",
    )


def holiday_lifted(*, holiday: Holiday, course_ids: Collection[int], now: datetime) -> int:
    """One message to everybody who gets a session back."""
    return notify(
        kind="session_moved",
        user_ids=audience(course_ids=course_ids),
        title=gettext_noop("Classes take place after all: %(name)s"),
        body=gettext_noop("Sessions from %(first_day)s to %(last_day)s are back in your schedule."),
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
