"""What the generator reads: slots, holidays, what is there already, how full the rooms get."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from apps.enrollments.models import Course, Enrollment
from apps.sessions.models import ClassSession
from apps.sessions.selectors import course_ids_of
from apps.timetable.models import GeneratedSession, Holiday, SlotCourse, WeeklySlot
from apps.timetable.occurrences import DAY, turn_of
from apps.timetable.registry import courses_planned_elsewhere

DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True)
class CapacityWarning:
    """More students are enrolled than the room has places. A warning: nothing is refused."""

    course: str
    room: str
    capacity: int
    enrolled: int

    def __str__(self) -> str:
        return _("%(course)s: %(enrolled)d students, %(room)s has %(capacity)d places.") % vars(
            self
        )


def slots() -> QuerySet[WeeklySlot]:
    """Slots with everything that their occurrences need, by course and time. Two statements."""
    return (
        WeeklySlot.objects.select_related(
            "course__term",
            "course__subject",
            "course__section__department",
            "course__classroom__building",
            "course__faculty",
            "classroom__building",
        )
        .prefetch_related("also__course__subject")
        .order_by("course_id", "weekday", "starts_at", "id")
    )


def courses_in_force(*, first: date, last: date) -> QuerySet[Course]:
    """Active courses that lead an active slot, whose term touches these days, and that no other
    app plans."""
    return (
        Course.objects.filter(is_active=True, term__starts_on__lte=last, term__ends_on__gte=first)
        .filter(pk__in=WeeklySlot.objects.filter(is_active=True).order_by().values("course_id"))
        .exclude(pk__in=courses_planned_elsewhere())
        .order_by("pk")
    )


def slots_in_force(*, course_ids: Collection[int], first: date, last: date) -> list[WeeklySlot]:
    return list(
        slots().filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=last),
            Q(valid_until__isnull=True) | Q(valid_until__gte=first),
            is_active=True,
            course_id__in=course_ids,
        )
    )


def holidays_between(*, first: date, last: date) -> list[Holiday]:
    return list(Holiday.objects.filter(first_day__lte=last, last_day__gte=first))


def weeks_generated(*, slot_ids: Collection[int], first: date, last: date) -> set[tuple[int, date]]:
    """(slot, Monday) of every week in which the slot had its session, whatever became of it."""
    return set(
        GeneratedSession.objects.filter(slot_id__in=slot_ids, week__range=(first, last))
        .order_by()
        .values_list("slot_id", "week")
    )


def capacity_warnings(*, of: Collection[WeeklySlot]) -> list[CapacityWarning]:
    """Once per course (or courses that meet as one) and room. One statement."""
    meetings = {
        (slot.course, tuple(slot.joined), slot.room) for slot in of if slot.room is not None
    }
    course_ids = {course.pk for own, joined, _room in meetings for course in (own, *joined)}
    enrolled = enrolled_counts(course_ids=course_ids)
    warnings = [
        CapacityWarning(
            " + ".join([str(own), *(course.code for course in joined)]),
            str(room),
            room.capacity,
            sum(enrolled.get(course.pk, 0) for course in (own, *joined)),
        )
        for own, joined, room in meetings
    ]
    return sorted(
        (warning for warning in warnings if warning.enrolled > warning.capacity),
        key=lambda warning: (warning.course, warning.room),
    )


def session_warnings(session: ClassSession) -> list[str]:
    """What is not forbidden and should still be known: a room that is too small."""
    room = session.classroom
    enrolled = sum(enrolled_counts(course_ids=course_ids_of(session)).values())
    if room is None or enrolled <= room.capacity:
        return []
    return [str(CapacityWarning(session.title, str(room), room.capacity, enrolled))]


def enrolled_counts(*, course_ids: Collection[int]) -> dict[int, int]:
    return dict(
        Enrollment.objects.filter(course_id__in=course_ids, status=Enrollment.Status.ENROLLED)
        .order_by()
        .values_list("course_id")
        .annotate(total=Count("pk"))
    )


def slot_in_the_way(slot: WeeklySlot) -> WeeklySlot | None:
    """The first active slot that needs the same room, lecturer or section at the same time."""
    rivals = active_slots().filter(
        weekday__in=days_touched(slot.weekday),
        course__term__starts_on__lte=slot.last_day + DAY,
        course__term__ends_on__gte=slot.first_day - DAY,
    )
    return first_in_the_way(slot, rivals.filter(_shares_something(slot)).exclude(pk=slot.pk))


def days_touched(weekday: int) -> set[int]:
    """A weekday and its neighbours, on which a slot over midnight can still be in the way."""
    return {(weekday + step - 1) % 7 + 1 for step in (-1, 0, 1)}


def active_slots() -> QuerySet[WeeklySlot]:
    return slots().filter(is_active=True, course__is_active=True)


def first_in_the_way(slot: WeeklySlot, rivals: Iterable[WeeklySlot]) -> WeeklySlot | None:
    """The first of these other slots that clashes.

    Compared: weekday and time, also over midnight, weeks (odd and even never meet), the days on
    which both hold, and what they share.
    """
    return next(
        (rival for rival in rivals if _meet(slot, rival) and slot_clash_code(slot, rival)), None
    )


def _meet(slot: WeeklySlot, other: WeeklySlot) -> bool:
    """Whether the two overlap in any week: on one day, or one running into the other's day."""
    return any(_meet_after(slot, other, days) for days in (-1, 0, 1))


def _meet_after(slot: WeeklySlot, other: WeeklySlot, days: int) -> bool:
    """The same where the other one's day is so many days after the slot's."""
    if (slot.weekday - 1 + days) % 7 != other.weekday - 1:
        return False
    weeks = (slot.weekday - 1 + days) // 7  # from the slot's week to the other one's
    turns = turn_of(slot), turn_of(other)
    first = max(slot.first_day + days * DAY, other.first_day)
    last = min(slot.last_day + days * DAY, other.last_day)
    (starts, ends), (begins, stops) = _minutes(slot), _minutes(other)
    return (
        starts < stops + days * DAY_MINUTES
        and begins + days * DAY_MINUTES < ends
        and (None in turns or (turns[0] + weeks) % 2 == turns[1])  # type: ignore[operator]
        and first <= last
    )


def _minutes(slot: WeeklySlot) -> tuple[float, float]:
    """Start and end in minutes after the midnight before; beyond 1440 on the next day."""
    starts, ends = (
        at.hour * 60 + at.minute + at.second / 60 for at in (slot.starts_at, slot.ends_at)
    )
    return starts, ends + DAY_MINUTES * slot.is_overnight


def _shares_something(slot: WeeklySlot) -> Q:
    """What `slot_clash_code` compares, asked of the database: a campus has hundreds of slots at
    the same hour, and a handful that could be in the way."""
    shared = Q(course__faculty_id=slot.course.faculty_id)
    sections = sections_of(slot)
    if sections:
        joint = SlotCourse.objects.filter(course__section__in=sections).values("slot")
        shared |= Q(course__section__in=sections) | Q(pk__in=joint)
    if slot.room is not None:
        shared |= Q(classroom=slot.room) | Q(classroom=None, course__classroom=slot.room)
    return shared


def slot_clash_code(slot: WeeklySlot, other: WeeklySlot) -> str:
    """What these two slots share: the codes of session clashes; "" for nothing."""
    if slot.room is not None and slot.room == other.room:
        return "room_taken"
    if slot.course.faculty_id == other.course.faculty_id:
        return "lecturer_busy"
    if sections_of(slot) & sections_of(other):
        return "section_busy"
    return ""


def sections_of(slot: WeeklySlot) -> set[int]:
    """The sections of all courses that meet in this slot."""
    found = {course.section_id for course in (slot.course, *slot.joined)}
    return {section for section in found if section is not None}
