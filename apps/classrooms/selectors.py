"""Reading rooms."""

from typing import Any

from django.db.models import QuerySet

from apps.classrooms.models import Classroom
from apps.common.errors import NotFound


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
