"""Whatever the slots are: a second run makes nothing, and nobody is in two places at once."""

from datetime import date, time, timedelta
from itertools import combinations
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.enrollments.models import Department, Section
from apps.sessions.models import ClassSession
from apps.timetable.models import GeneratedSession, Holiday, WeeklySlot
from tests.factories import Cast, make_classroom, make_course, make_faculty
from tests.timetable.support import MONDAY, generate

pytestmark = pytest.mark.django_db

LAST = MONDAY + timedelta(days=20)
days = st.integers(0, 20).map(lambda n: MONDAY + timedelta(days=n))
# Few people, rooms and hours, so that they get into each other's way.
slot_facts = st.fixed_dictionaries(
    {
        "course": st.integers(0, 3),
        "weekday": st.integers(1, 3),
        "hour": st.integers(8, 11),
        "length": st.sampled_from([30, 60, 150]),
        "parity": st.sampled_from(WeeklySlot.Parity.values),
        "room": st.one_of(st.none(), st.integers(0, 1)),
    }
)


@pytest.fixture
def courses(in_campus: Cast) -> list[Any]:
    """Four courses of two lecturers, two sections (or none) and two rooms (or none)."""
    rooms = [make_classroom("A"), make_classroom("B"), None]
    lecturers = [make_faculty(), make_faculty()]
    cse = Department.objects.get(code="CSE")
    sections = [Section.objects.create(department=cse, year=3, name=name) for name in "XY"]
    made = []
    for n, (lecturer, section, room) in enumerate([(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, None, 0)]):
        course = make_course(faculty=lecturers[lecturer], code=f"P{n}-A", classroom=rooms[room])
        course.section = None if section is None else sections[section]
        course.save()
        made.append(course)
    return made


def save(courses: list[Any], facts: list[dict[str, Any]]) -> None:
    rooms = list(ClassSession.classroom.field.related_model.objects.filter(room_number__in="AB"))
    for fact in facts:
        begin = timedelta(hours=fact["hour"])
        end = begin + timedelta(minutes=fact["length"])
        WeeklySlot.objects.create(
            course=courses[fact["course"]],
            weekday=fact["weekday"],
            parity=fact["parity"],
            classroom=None if fact["room"] is None else rooms[fact["room"]],
            starts_at=time(fact["hour"]),
            ends_at=time(end.seconds // 3600, end.seconds // 60 % 60),
        )


def overlaps(one: ClassSession, two: ClassSession) -> bool:
    if one.starts_at >= two.ends_at or two.starts_at >= one.ends_at:
        return False
    return (
        one.faculty_id == two.faculty_id
        or (one.classroom_id is not None and one.classroom_id == two.classroom_id)
        or (one.section_id is not None and one.section_id == two.section_id)
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(facts=st.lists(slot_facts, min_size=1, max_size=10), off=days, middle=days)
def test_runs_repeat_and_never_overlap(
    courses: list[Any], facts: list[dict[str, Any]], off: date, middle: date
) -> None:
    with transaction.atomic():
        save(courses, facts)
        Holiday.objects.create(name="H", first_day=off, last_day=off)
        part = generate(MONDAY, middle)
        whole = generate(MONDAY, LAST)
        again = generate(MONDAY, LAST)
        found = list(ClassSession.objects.all())
        assert len(found) == part.created + whole.created
        assert GeneratedSession.objects.count() == len(found)
        assert again.created == 0
        assert again.clashes == whole.clashes
        assert (again.existing, again.skipped_holiday) == (
            whole.existing + whole.created,
            whole.skipped_holiday,
        )
        assert [pair for pair in combinations(found, 2) if overlaps(*pair)] == []
        assert not any(session.starts_at.date() == off for session in found)
        transaction.set_rollback(True)
