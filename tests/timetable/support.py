"""What the tests of the timetable share."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.audit.services import Actor
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course, Department, Section
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.timetable.days import horizon
from apps.timetable.models import WeeklySlot
from apps.timetable.services import GenerationResult, sessions_generate
from tests.factories import Cast, make_classroom, make_course, make_faculty

ADA = Actor(label="Ada", id="user:1")
SUNDAY = date(2026, 9, 13)
MONDAY = date(2026, 9, 14)
NOW = datetime(2026, 9, 13, 6, 0, tzinfo=UTC)  # that Sunday, 08:00 in Berlin


def a_slot(course: Course, **fields: Any) -> WeeklySlot:
    """Mondays 10:00–11:30 unless said otherwise."""
    return WeeklySlot.objects.create(
        course=course,
        **{"weekday": 1, "starts_at": time(10), "ends_at": time(11, 30), **fields},
    )


def mondays_ahead(cast: Cast) -> int:
    """Within the horizon of the daily task: two, and three where today is one of them."""
    with campus_scope(cast.campus):
        first, last = horizon(days=settings.TIMETABLE_HORIZON_DAYS, now=timezone.now())
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return sum(day.isoweekday() == 1 for day in days)


def fresh(slot: WeeklySlot, **changes: Any) -> WeeklySlot:
    """The slot as the database has it, with these changes not yet saved."""
    slot = WeeklySlot.objects.select_related(
        "course__term", "course__section", "course__classroom", "course__faculty", "classroom"
    ).get(pk=slot.pk)
    for name, value in changes.items():
        setattr(slot, name, value)
    return slot


def generate(first: date, last: date, **more: Any) -> GenerationResult:
    return sessions_generate(first=first, last=last, **{"now": NOW, "actor": ADA, **more})


def apart(code: str, room: Classroom | None = None) -> Course:
    """A course that shares neither lecturer nor section with another, in this room."""
    department, _created = Department.objects.get_or_create(code="ECE", defaults={"name": "ECE"})
    course = make_course(
        faculty=make_faculty(), code=code, classroom=room or make_classroom(f"R-{code}")
    )
    course.section = Section.objects.create(department=department, year=1, name=code[:10])
    course.save()
    return course


def starts() -> list[str]:
    """The starts of all sessions in UTC, earliest first."""
    found = ClassSession.objects.order_by("starts_at", "id")
    return [f"{session.starts_at:%Y-%m-%d %H:%M}" for session in found]
