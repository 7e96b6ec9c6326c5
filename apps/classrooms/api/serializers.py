"""Shapes of rooms. Beacons and their secrets stay in the administration."""

from typing import Any

from rest_framework import serializers

from apps.classrooms.models import Classroom
from apps.common.lists import FlagField, IdField, ordering_field


class ClassroomRow(serializers.ModelSerializer[Classroom]):
    building_name = serializers.CharField(source="building.name", read_only=True)

    class Meta:
        model = Classroom
        fields = (
            "id",
            "building",
            "building_name",
            "room_number",
            "floor",
            "capacity",
            "latitude",
            "longitude",
            "geofence_radius",
            "is_active",
        )


class ClassroomQuery(serializers.Serializer[Any]):
    building = IdField(required=False)
    min_capacity = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    is_active = FlagField()
    ordering = ordering_field("room_number", "capacity", "building__name")
