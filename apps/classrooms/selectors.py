"""Reading rooms."""

from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.classrooms.models import Classroom
from apps.common.errors import NotFound

NEAR: Final = Decimal("0.01")  # degrees: about a kilometre
NEIGHBOURS: Final = 60


def classrooms_near(*, classroom: Classroom | None) -> list[Classroom]:
    """Other rooms with coordinates: of the same building, and around a room that has some. For a
    room that does not exist yet any, as a place to begin with. At most 60."""
    rooms = classrooms_listed(latitude__isnull=False, is_active=True)
    if classroom is not None:
        near = Q(building=classroom.building_id)
        if classroom.latitude is not None and classroom.longitude is not None:
            latitude, longitude = classroom.latitude, classroom.longitude
            near |= Q(
                latitude__range=(latitude - NEAR, latitude + NEAR),
                longitude__range=(longitude - NEAR, longitude + NEAR),
            )
        rooms = rooms.filter(near).exclude(pk=classroom.pk)
    return list(rooms.order_by("pk")[:NEIGHBOURS])


def classrooms_listed(**filters: Any) -> QuerySet[Classroom]:
    """Rooms with their building; `min_capacity` counts places."""
    if "min_capacity" in filters:
        filters["capacity__gte"] = filters.pop("min_capacity")
    return Classroom.objects.filter(**filters).select_related("building")


def classroom_by_id(*, classroom_id: int) -> Classroom:
    """Raises `NotFound` (no_such_classroom), also for another campus's."""
    classroom = classrooms_listed(pk=classroom_id).first()
    if classroom is None:
        raise NotFound("no_such_classroom", "No such classroom.")
    return classroom
