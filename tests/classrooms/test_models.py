"""Places: defaults, precision and limits that the database keeps."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.classrooms.models import Beacon, Building, Classroom
from tests.factories import Cast, make_classroom

pytestmark = pytest.mark.django_db


def test_a_room_holds_fifty_and_reaches_fifty_metres_by_default(in_campus: Cast) -> None:
    room = Classroom.objects.create(building=Building.objects.get(), room_number="9")
    room.refresh_from_db()
    assert (room.capacity, room.geofence_radius) == (50, Decimal("50.00"))
    assert room.latitude is room.longitude is None


def test_coordinates_keep_eight_decimals(in_campus: Cast) -> None:
    room = make_classroom("9", latitude="-89.12345678", longitude="179.12345678")
    room.refresh_from_db()
    assert (room.latitude, room.longitude) == (
        Decimal("-89.12345678"),
        Decimal("179.12345678"),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"latitude": "90.00000001"},
        {"latitude": "-91"},
        {"longitude": "180.5"},
        {"latitude": None},
        {"geofence_radius": "0"},
    ],
)
def test_impossible_places_are_refused_by_form_and_database(in_campus: Cast, fields: dict) -> None:
    building = Building.objects.get()
    place = {"latitude": "1", "longitude": "1", **fields}
    with pytest.raises(ValidationError):
        Classroom(building=building, room_number="9", **place).full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Classroom.objects.create(building=building, room_number="9", **place)


def test_a_room_number_is_unique_in_its_building(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_classroom("101")
    assert make_classroom("101", building="Annex").pk


def test_beacons_are_known_by_one_identifier_per_campus(in_campus: Cast) -> None:
    Beacon.objects.create(classroom=in_campus.classroom, identifier="b1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Beacon.objects.create(classroom=in_campus.classroom, identifier="b1")


def test_a_course_outlives_its_room(in_campus: Cast) -> None:
    in_campus.classroom.delete()
    in_campus.course.refresh_from_db()
    assert in_campus.course.classroom is None
