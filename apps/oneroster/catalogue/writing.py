"""A row as the JSON object of OneRoster 1.2."""

from collections.abc import Collection as Names
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from apps.enrollments.roster_rows import school_id
from apps.oneroster.asked import MOMENT
from apps.oneroster.catalogue.collections import (
    REF,
    REFS,
    ROLE,
    STAMP,
    Collection,
    RosterField,
)

# What a reference says it leads to, by the collection.
TYPES: Final = {
    "orgs": "org",
    "academicSessions": "academicSession",
    "courses": "course",
    "classes": "class",
    "users": "user",
    "lineItems": "lineItem",
    "categories": "category",
}
IN_GRADEBOOK: Final = frozenset(("lineItems", "categories"))


def written(
    collection: Collection, row: dict[str, Any], *, base: str, only: Names[str] = ()
) -> dict[str, Any]:
    """`base`: the address before `/rostering` and `/gradebook`. `only`: these fields; none: all.

    What is not known is left out, as the standard has it of optional fields.
    """
    found = {}
    for name, shown in collection.shown().items():
        value = row[name]
        if value is not None and (not only or shown in only):
            found[shown] = _value(collection.fields[name], value, base)
    return found


def _value(field: RosterField, value: Any, base: str) -> Any:
    if field.kind == REF:
        return _reference(field.to, value, base)
    if field.kind == REFS:
        return [_reference(field.to, value, base)]
    if field.kind == ROLE:
        org = _reference(field.to, school_id(), base)
        return [{"roleType": "primary", "role": value, "org": org}]
    if field.kind == MOMENT:
        return moment(value)
    if field.kind == STAMP:
        return f"{value.isoformat()}T00:00:00.000Z"
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def moment(at: datetime) -> str:
    """To a thousandth of a second, never later than it was."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reference(collection: str, sourced_id: str, base: str) -> dict[str, str]:
    service = "gradebook" if collection in IN_GRADEBOOK else "rostering"
    address = f"{base}/{service}/v1p2/{collection}/{quote(sourced_id, safe='')}"
    return {"href": address, "sourcedId": sourced_id, "type": TYPES[collection]}
