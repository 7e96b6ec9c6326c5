"""Names say something, days and numbers lie in their bounds: the database says so."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from apps.accounts.models import Student
from apps.biometrics.models import FaceVerification
from apps.classrooms.models import Building, Classroom
from apps.common.constraints import (
    Between,
    DayInBounds,
    MomentInBounds,
    Named,
)
from apps.common.moments import local
from apps.enrollments.models import Department, Enrollment, Term
from apps.timetable.models import Holiday
from tests.factories import Cast, make_session

# What somebody or something is called.
NAMES: Final = ("name", "title", "code", "first_name", "room_number", "identifier")
# Written by the platform itself, out of parts that are never empty.
OURS: Final = {"jobs.Job.title", "notifications.Message.title"}
# Slugs: their own validator, and another kind of emptiness.
SLUGS: Final = (models.SlugField,)
# Moments that the server's own clock gives, and what is reckoned from bounded ones.
CLOCK: Final = ("created_at", "updated_at", "last_login")
RECKONED: Final = {
    *("timetable.GeneratedSession.week", "timetable.GeneratedSession.starts_at"),
    *("timetable.GeneratedSession.ends_at", "attendance.AttendanceSummary.first_attendance_on"),
    *("attendance.AttendanceSummary.last_attendance_on", "audit.Root.day"),
    *("class_sessions.ClassSession.held_on", "class_sessions.SessionCourse.held_on"),
    *("class_sessions.SessionCourse.starts_at", "class_sessions.SessionCourse.ends_at"),
    *("enrollments.EnrollmentPeriod.enrolled_on", "enrollments.EnrollmentPeriod.ended_on"),
    "timetable_feeds.FeedMeeting.week",  # the Monday of a day within a term
    "terminals.CardTerminal.ends_at",  # a kiosk ends with its session
    "terminals.CardTerminal.opens_until",  # minutes after its code was made
}


def fields() -> list[tuple[type[models.Model], models.Field]]:
    return [
        (model, field)
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for field in model._meta.local_fields
    ]


def bounded(model: type[models.Model], field: models.Field, *kinds: type[Any]) -> bool:
    return any(isinstance(c, kinds) and c.field == field.name for c in model._meta.constraints)


def test_every_name_says_something() -> None:
    nameless = [
        f"{model._meta.label}.{field.name}"
        for model, field in fields()
        if field.name in NAMES
        and isinstance(field, models.CharField)
        and not isinstance(field, SLUGS)
        and not field.blank
        and not bounded(model, field, Named)
    ]
    assert set(nameless) <= OURS


def test_every_day_that_people_choose_has_bounds() -> None:
    """Days always; moments unless the server's clock gives them, which their name says (…_at)."""
    chosen = ("starts_at", "ends_at", "claimed_at")
    endless = [
        f"{model._meta.label}.{field.name}"
        for model, field in fields()
        if isinstance(field, models.DateField)
        and (not isinstance(field, models.DateTimeField) or field.name in chosen)
        and field.name not in CLOCK
        and not bounded(model, field, DayInBounds, MomentInBounds)
    ]
    assert set(endless) <= RECKONED


def test_every_number_with_a_validator_has_a_constraint() -> None:
    """A bound that only a form knows is none."""
    loose = []
    for model, field in fields():
        limits = [v for v in field._validators if hasattr(v, "limit_value")]  # type: ignore[attr-defined]
        checked = {
            name
            for constraint in model._meta.constraints
            if isinstance(constraint, models.CheckConstraint)
            for name in _names_in(constraint.condition)
        }
        if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField) and (
            limits and field.name not in checked
        ):
            loose.append(f"{model._meta.label}.{field.name}")
    assert loose == []


def _names_in(condition: Any) -> set[str]:
    found: set[str] = set()
    for child in getattr(condition, "children", ()):
        found |= {child[0].split("__")[0]} if isinstance(child, tuple) else _names_in(child)
    return found


def refused(act: Any) -> bool:
    try:
        with transaction.atomic():
            act()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize("name", ["", " ", "\t", "\n  ", "a\nb", "a\r", "\x1b"])
def test_the_database_takes_no_empty_or_broken_name(in_campus: Cast, name: str) -> None:
    assert refused(lambda: Building.objects.create(name=name))
    assert refused(lambda: Student.objects.update(first_name=name))
    assert refused(lambda: Department.objects.update(name=name))


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1899, 12, 31), date(2201, 1, 1), date.max])
def test_the_database_takes_no_day_out_of_bounds(in_campus: Cast, day: date) -> None:
    assert refused(lambda: Holiday.objects.create(name="Far", first_day=day, last_day=day))
    assert refused(lambda: Enrollment.objects.update(enrolled_on=day))
    moment = datetime(day.year, 1, 2, tzinfo=UTC)
    assert refused(lambda: make_session(in_campus.course, starts_at=moment))


@pytest.mark.parametrize("distance", [9.9, -3.0, float("nan"), float("inf")])
def test_the_database_takes_no_distance_out_of_bounds(in_campus: Cast, distance: float) -> None:
    def verify() -> None:
        FaceVerification.objects.create(
            student=in_campus.student,
            reference="x",
            decision="matched",
            distance=distance,
            at=datetime(2026, 9, 14, tzinfo=UTC),
        )

    assert refused(verify)


def test_the_database_takes_no_number_out_of_bounds(in_campus: Cast) -> None:
    assert refused(lambda: Classroom.objects.update(capacity=10**6))
    assert refused(lambda: Classroom.objects.update(geofence_radius=Decimal("0.5")))
    assert refused(lambda: Student.objects.update(age=131))


def test_a_form_blames_the_field_without_a_statement(
    in_campus: Cast, django_assert_num_queries: Any
) -> None:
    wrong = [
        (Named(field="name", name="x"), Building(name="\u200b"), "name"),
        (Between(field="capacity", low=0, high=10, name="x"), Classroom(capacity=11), "capacity"),
        (DayInBounds(field="starts_on", name="x"), Term(starts_on=date(1, 1, 1)), "starts_on"),
    ]
    with django_assert_num_queries(0):
        for constraint, row, field in wrong:
            with pytest.raises(ValidationError) as error:
                constraint.validate(type(row), row)
            assert set(error.value.message_dict) == {field}
            constraint.validate(type(row), row, exclude={field})
        Between(field="floor", low=0, name="x").validate(Classroom, Classroom(floor=None))


@pytest.mark.parametrize("name", ["a\nb", "a\rBcc: x@y.example", "a\x00b", "\x7f"])
def test_no_form_takes_a_name_of_two_lines(in_campus: Cast, name: str) -> None:
    """Optional names too, which no constraint of the database guards."""
    student, user = in_campus.student, in_campus.admin
    student.last_name, user.name = name, name
    for row, field in ((student, "last_name"), (user, "name")):
        with pytest.raises(ValidationError) as error:
            row.full_clean()
        assert field in error.value.message_dict


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "UTC"])
@pytest.mark.parametrize(
    "moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_the_ends_of_the_calendar_have_a_place_on_every_clock(zone: str, moment: datetime) -> None:
    here = ZoneInfo(zone)
    assert abs(local(moment, here).year - moment.year) <= 1
    usual = datetime(2026, 9, 14, 8, tzinfo=UTC)
    assert local(usual, here) == usual.astimezone(here)
