"""Rooms in bulk, from the staged sheet (see `apps.tenants.bulk`)."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from apps.audit.services import Actor, record
from apps.classrooms.models import Classroom
from apps.tenants.bulk import Stage, UpsertCounts
from apps.tenants.scope import current_campus_id

_NEW_BUILDINGS: Final = """
    INSERT INTO classrooms_building (campus_id, name, created_at, updated_at)
    SELECT DISTINCT %(campus)s, s.building, %(now)s, %(now)s FROM {stage} s
    ON CONFLICT (campus_id, name) DO NOTHING
"""
_FIND_BUILDINGS: Final = """
    UPDATE {stage} s SET building_id = b.id FROM classrooms_building b
    WHERE b.campus_id = %(campus)s AND b.name = s.building
"""
_FIND_ROOMS: Final = """
    UPDATE {stage} s SET id = t.id FROM classrooms_classroom t
    WHERE t.campus_id = %(campus)s AND t.building_id = s.building_id
        AND upper(t.room_number) = upper(s.room_number)
"""


def classrooms_import(
    stage: Stage, *, present: Collection[str], source: str, now: datetime, actor: Actor
) -> UpsertCounts:
    """Stage: building, room_number, floor, capacity, latitude, longitude, geofence_radius (m), and
    building_id, id, is_new to be filled. Buildings that do not exist yet are made."""
    params = {"campus": current_campus_id(), "now": now}
    for statement in (_NEW_BUILDINGS, _FIND_BUILDINGS, _FIND_ROOMS):
        stage.execute(statement, params)
    optional = ("floor", "capacity", "latitude", "longitude", "geofence_radius")
    counts = stage.upsert(
        Classroom,
        insert={
            "building_id": "s.building_id",
            "room_number": "s.room_number",
            "floor": "s.floor",
            "capacity": "coalesce(s.capacity, 50)",
            "latitude": "s.latitude",
            "longitude": "s.longitude",
            "geofence_radius": "coalesce(s.geofence_radius, 50)",
            "is_active": "true",
        },
        update={
            "is_active": "true",
            **{name: f"coalesce(s.{name}, t.{name})" for name in optional if name in present},
        },
        now=now,
    )
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    record(actor=actor, action="classrooms.classroom.imported", now=now, data=data)
    return counts
