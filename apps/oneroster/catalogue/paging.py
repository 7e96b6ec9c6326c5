"""A page of a collection, in a number of statements that does not depend on how long it is:
one count for each table, one for the keys of the page, one for the rows of each table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import BigIntegerField, F, Q, QuerySet, Value
from django.db.models.functions import Cast

from apps.common.texts import is_storable
from apps.enrollments.roster_rows import PREFIX, RosterPart
from apps.oneroster.asked import AskedPage, Condition
from apps.oneroster.catalogue.collections import Collection

Row = dict[str, Any]
_LOOKUPS: Final = {
    "=": "",
    "!=": "",
    ">": "__gt",
    ">=": "__gte",
    "<": "__lt",
    "<=": "__lte",
    "~": "__icontains",
}


@dataclass(frozen=True, kw_only=True)
class RosterPage:
    total: int
    rows: list[Row]


def page_of(collection: Collection, parts: Sequence[RosterPart], asked: AskedPage) -> RosterPage:
    """The rows that the filter leaves, in the order asked for, else in that of their making."""
    kept = [_filtered(collection, part, asked) for part in parts]
    total = sum(rows.count() for rows in kept)
    if asked.offset >= total:
        return RosterPage(total=total, rows=[])
    keys = _keys(collection, parts, kept, asked)
    found: dict[tuple[int, int], Row] = {}
    for number, part in enumerate(parts):
        wanted = [pk for place, pk in keys if place == number]
        if wanted:
            rows = part.read(collection.fields, part.rows.filter(pk__in=wanted))
            found |= {(number, pk): row for pk, row in rows}
    return RosterPage(total=total, rows=[found[key] for key in keys if key in found])


def found_in(
    collection: Collection, parts: Sequence[RosterPart], sourced_id: str
) -> tuple[int, int, Row] | None:
    """The object of this id: which table it is in, its key there, and its fields."""
    if not is_storable(sourced_id):
        return None
    for number, part in enumerate(parts):
        rows = part.annotated(["sourcedId"], part.rows.filter(part.may_be(sourced_id)))
        for pk, row in part.read(collection.fields, rows.filter(o_sourcedId=sourced_id)):
            return number, pk, row
    return None


def _filtered(collection: Collection, part: RosterPart, asked: AskedPage) -> QuerySet[Any]:
    queried = collection.queried()
    names = {queried[one.name][0] for group in asked.filter for one in group}
    rows = part.annotated(names)
    if not asked.filter:
        return rows
    groups = [_all_of(collection, part, group) for group in asked.filter]
    return rows.filter(reduce(or_, groups))


def _all_of(collection: Collection, part: RosterPart, group: list[Condition]) -> Q:
    found = Q()
    for one in group:
        name = collection.queried()[one.name][0]
        holds = Q(**{f"{PREFIX}{name}{_LOOKUPS[one.operator]}": one.value})
        if name == "sourcedId" and one.operator == "=":
            holds &= part.may_be(one.value)  # by index, before ids are made of all rows
        found &= ~holds if one.operator == "!=" else holds
    return found


def _keys(
    collection: Collection, parts: Sequence[RosterPart], kept: list[QuerySet[Any]], asked: AskedPage
) -> list[tuple[int, int]]:
    sort = collection.queried()[asked.sort][0] if asked.sort else ""
    names = ["o_sort"] if sort else []
    chosen = []
    for number, (part, rows) in enumerate(zip(parts, kept, strict=True)):
        more = {"o_sort": part.column(sort)} if sort else {}
        rows = rows.annotate(
            o_part=Cast(Value(number), BigIntegerField()),
            o_key=Cast(F("pk"), BigIntegerField()),
            **more,
        )
        chosen.append(rows.order_by().values_list("o_part", "o_key", *names))
    rows = chosen[0].union(*chosen[1:], all=True) if len(chosen) > 1 else chosen[0]
    first = [f"-{name}" if asked.descending else name for name in names]
    rows = rows.order_by(*first, "o_part", "o_key")
    return [(row[0], row[1]) for row in rows[asked.offset : asked.offset + asked.limit]]
