"""What a reader asks of a list: paging, order, fields, and the filter of OneRoster 1.2.

No database.
A filter is `field='value'` with =, !=, >, >=, <, <= or ~ (contains), several joined by AND and OR;
AND binds closer. A quote inside a value is written twice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.common.texts import is_storable
from apps.oneroster.problems import BAD_DATA, BAD_FILTER, BAD_SELECTION, RosterError

USUAL: Final = 100  # rows of a page
MOST: Final = 1_000  # more are asked for page by page
LONGEST: Final = 2_000  # characters of a filter
CONDITIONS: Final = 10
DIGITS: Final = 9
TEXT: Final = "text"
MOMENT: Final = "moment"
DAY: Final = "day"
NUMBER: Final = "number"
_CONDITION: Final = re.compile(
    r"\s*([A-Za-z]\w*(?:\.[A-Za-z]\w*)?)\s*(!=|>=|<=|=|>|<|~)\s*'((?:[^']|'')*)'\s*"
)
_JOINT: Final = re.compile(r"(AND|OR)\b", re.IGNORECASE)
ORDERED: Final = frozenset((">", ">=", "<", "<="))


@dataclass(frozen=True, kw_only=True)
class Condition:
    name: str
    operator: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class AskedPage:
    """`filter`: any of these, of each of which all hold. `fields`: none for all."""

    limit: int = USUAL
    offset: int = 0
    sort: str = ""
    descending: bool = False
    fields: tuple[str, ...] = ()
    filter: list[list[Condition]] = field(default_factory=list)


def asked_of(query: Mapping[str, str], *, kinds: Mapping[str, str], shown: set[str]) -> AskedPage:
    """`kinds`: what can be filtered and sorted by; `shown`: the fields that objects have.

    Raises `RosterError`.
    """
    order = query.get("orderBy", "").strip().lower() or "asc"
    if order not in ("asc", "desc"):
        raise RosterError(400, BAD_DATA, "orderBy is asc or desc.")
    sort = query.get("sort", "").strip()
    if sort and sort not in kinds:
        raise RosterError(400, BAD_DATA, f"One cannot sort by “{sort[:80]}”.")
    return AskedPage(
        limit=min(MOST, _number(query, "limit", USUAL, least=1)),
        offset=_number(query, "offset", 0, least=0),
        sort=sort,
        descending=order == "desc",
        fields=_fields(query.get("fields", ""), shown),
        filter=_filter(query.get("filter", ""), kinds),
    )


def _number(query: Mapping[str, str], name: str, usual: int, *, least: int) -> int:
    given = query.get(name, "").strip()
    if not given:
        return usual
    if not given.isascii() or not given.isdecimal() or len(given) > DIGITS or int(given) < least:
        raise RosterError(400, BAD_DATA, f"{name} is a whole number, at least {least}.")
    return int(given)


def _fields(given: str, shown: set[str]) -> tuple[str, ...]:
    names = tuple(filter(None, (name.strip() for name in given.split(","))))
    for name in names:
        if name not in shown:
            raise RosterError(400, BAD_SELECTION, f"There is no field “{name[:80]}” here.")
    return names


def _filter(given: str, kinds: Mapping[str, str]) -> list[list[Condition]]:
    if not given.strip():
        return []
    if len(given) > LONGEST:
        raise RosterError(400, BAD_FILTER, f"A filter has up to {LONGEST} characters.")
    found: list[list[Condition]] = [[]]
    at = 0
    for _number_of in range(CONDITIONS):
        condition = _CONDITION.match(given, at)
        if condition is None:
            break
        found[-1].append(_condition(condition, kinds))
        at = condition.end()
        if at == len(given):
            return found
        joint = _JOINT.match(given, at)
        if joint is None:
            break
        if joint[1].upper() == "OR":
            found.append([])
        at = joint.end()
    said = f"A filter is field='value', up to {CONDITIONS} joined by AND or OR."
    raise RosterError(400, BAD_FILTER, said)


def _condition(found: re.Match[str], kinds: Mapping[str, str]) -> Condition:
    name, operator, given = found[1], found[2], found[3].replace("''", "'")
    kind = kinds.get(name)
    if kind is None:
        raise RosterError(400, BAD_FILTER, f"One cannot filter by “{name[:80]}”.")
    if operator == "~" and kind != TEXT:
        raise RosterError(400, BAD_FILTER, f"“{name}” is no text: ~ does not fit.")
    return Condition(name=name, operator=operator, value=_value(kind, name, given))


def _value(kind: str, name: str, given: str) -> Any:
    try:
        if kind == MOMENT:
            moment = datetime.fromisoformat(given)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if kind == DAY:
            return date.fromisoformat(given[: len("2026-09-01")])
        if kind == NUMBER:
            number = Decimal(given)
            if not number.is_finite() or abs(number) > 10**DIGITS:
                raise ValueError
            return number
    except (ValueError, OverflowError, InvalidOperation) as error:
        raise RosterError(
            400, BAD_FILTER, f"The value for “{name}” is none of its kind."
        ) from error
    if not is_storable(given):
        raise RosterError(400, BAD_FILTER, f"The value for “{name}” is none of its kind.")
    return given
