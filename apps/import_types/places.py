"""Buildings and classrooms."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.classrooms.models import Building
from apps.classrooms.services import classrooms_import
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.staging import discard_rows, staged_rows
from apps.tabular_files.fields import Field, decimal, integer, words
from apps.tabular_files.numbers import decimals
from apps.tenants.bulk import WORK


def _apply(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    columns = {
        "building": "text",
        "room_number": "text",
        "floor": "smallint",
        "capacity": "integer",
        "latitude": "numeric(10,8)",
        "longitude": "numeric(11,8)",
        "geofence_radius": "numeric(8,2)",
        "building_id": "bigint",
        **WORK,
    }
    with staged_rows(batch.rows, columns) as stage:
        half = "SELECT n FROM {stage} WHERE (latitude IS NULL) <> (longitude IS NULL)"
        reason = _("Latitude and longitude belong together.")
        found = [(n, "latitude", reason) for n in stage.numbers(half)]
        discard_rows(stage, result, CLASSROOMS, batch.rows, found)
        counts = classrooms_import(
            stage,
            present=batch.present,
            source=str(batch.options.get("source", "")),
            now=batch.now,
            actor=batch.actor,
        )
    result.count(counts)
    return result


CLASSROOMS: Final = ImportType(
    name="classrooms",
    label=gettext_lazy("Classrooms"),
    fields=(
        Field(
            name="building",
            label=gettext_lazy("Building"),
            parse=words(100),
            headings=("block", "building name"),
            required=True,
            example="Main building",
        ),
        Field(
            name="room_number",
            label=gettext_lazy("Room"),
            parse=words(20),
            headings=("room number", "room no", "venue", "classroom"),
            required=True,
            example="101",
        ),
        Field(name="floor", label=gettext_lazy("Floor"), parse=integer(-10, 200), example="1"),
        Field(
            name="capacity",
            label=gettext_lazy("Capacity"),
            parse=integer(1, 100_000),
            headings=("seats", "places"),
            example="120",
        ),
        Field(
            name="latitude",
            label=gettext_lazy("Latitude"),
            parse=decimal(-90, 90),
            column=decimals,
            headings=("lat",),
            example="52.516273",
        ),
        Field(
            name="longitude",
            label=gettext_lazy("Longitude"),
            parse=decimal(-180, 180),
            column=decimals,
            headings=("lon", "lng", "long"),
            example="13.377704",
        ),
        Field(
            name="geofence_radius",
            label=gettext_lazy("Geofence radius (m)"),
            parse=decimal(1, 10_000),
            column=decimals,
            headings=("radius", "geofence"),
            example="50",
            note=gettext_lazy("Metres."),
        ),
    ),
    key=("building", "room_number"),
    apply=_apply,
    codes=(Codes("building", Building, "name", makes=True),),
    needs=(
        *("classrooms.add_building", "classrooms.add_classroom"),
        "classrooms.change_classroom",
    ),
)
