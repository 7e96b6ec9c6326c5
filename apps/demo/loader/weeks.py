"""The demo's weekly timetable, and the first sessions made of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from apps.audit.services import Actor
from apps.enrollments.models import Course
from apps.timetable.models import WeeklySlot
from apps.timetable.services import sessions_generate, slot_create


def weeks_ensure(
    *,
    facts: dict[str, Any],
    courses: Mapping[str, Course],
    now: datetime,
    actor: Actor,
    made: Counter[str],
) -> None:
    """Weekly slots at each course's usual hour, unless there are some.

    Their sessions are made once, for the two weeks after the days that `Calendar` fills; from then
    on the daily run of the generator goes on.
    """
    if WeeklySlot.objects.filter(course__in=courses.values()).exists():
        return
    for row in facts["courses"]:
        begin = timedelta(hours=row["hour"])
        for weekday in facts["weekdays"]:
            slot = WeeklySlot(
                course=courses[row["code"]],
                weekday=weekday,
                starts_at=time(row["hour"]),
                ends_at=_clock(begin + timedelta(minutes=row["minutes"])),
            )
            slot_create(slot=slot, now=now, actor=actor)
            made["slots"] += 1
    first = now.date() + timedelta(days=max(facts["ahead_days"]) + 1)
    result = sessions_generate(
        first=first,
        last=first + timedelta(days=13),
        courses=list(courses.values()),
        now=now,
        actor=actor,
    )
    made["sessions"] += result.created


def _clock(after_midnight: timedelta) -> time:
    minutes = after_midnight // timedelta(minutes=1)
    return time(minutes // 60, minutes % 60)
