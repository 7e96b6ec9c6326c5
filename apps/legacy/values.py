"""Cells of old tables as text, numbers, days and moments. What cannot be read raises `Wrong`."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.common.moments import is_day, is_moment
from apps.old_databases import OldValue
from apps.tabular_files.fields import Wrong

YES: Final = {"1", "t", "true", "y", "yes", "present"}
NO: Final = {"", "0", "f", "false", "n", "no", "absent"}
_DAYS: Final = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y")
SECONDS: Final = 10**11  # above, a number of a moment counts milliseconds


def text(value: OldValue) -> str:
    """The cell as a sheet would show it: "" for none, 5 for 5.0."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        raise Wrong(_("Holds bytes that are no text."))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def words(value: OldValue, longest: int) -> str:
    """Text without line breaks, cut to its longest."""
    return " ".join(text(value).replace("\0", "").split())[:longest]


def flag(value: OldValue) -> bool:
    found = text(value).lower()
    if found in YES | NO:
        return found in YES
    raise Wrong(_("Neither yes nor no."))


def fraction(value: OldValue) -> Decimal | None:
    """A number between 0 and 1, or None for an empty cell: never a number that nobody measured."""
    found = text(value)
    if not found:
        return None
    try:
        number = Decimal(found)
    except InvalidOperation as error:
        raise Wrong(_("Not a number.")) from error
    if not (number.is_finite() and 0 <= number <= 1):
        raise Wrong(_("Not between 0 and 1."))
    return number


def day(value: OldValue) -> date:
    """A day; of a moment its day."""
    found = text(value)
    for pattern in _DAYS:
        try:
            read = datetime.strptime(found[:10], pattern).date()  # noqa: DTZ007  (a day)
        except ValueError:
            continue
        if not is_day(read):
            raise Wrong(_("Only the years 1900 to 2200."))
        return read
    raise Wrong(_("Not a date, like 2026-09-01."))


def clock(value: OldValue) -> time:
    """HH:MM or HH:MM:SS, two digits each: "9:5" could be five or fifty minutes past."""
    found = text(value)
    parts = found.split(":")
    if len(parts) not in (2, 3) or not all(len(p) == 2 and p.isdecimal() for p in parts):
        raise Wrong(_("Not a time of the day, like 09:05."))
    try:
        return time.fromisoformat(found)
    except ValueError as error:
        raise Wrong(_("Not a time of the day, like 09:05.")) from error


def moment(value: OldValue, zone: ZoneInfo) -> datetime:
    """A moment in ISO 8601, or in seconds or milliseconds since 1970. Without a zone of its own it
    was written by the campus's clock."""
    if isinstance(value, (int, float)):
        read = _since_1970(value)
    else:
        try:
            read = datetime.fromisoformat(text(value).replace(" ", "T", 1))
        except ValueError as error:
            raise Wrong(_("Not a moment, like 2026-09-01 09:05:00.")) from error
    if read.tzinfo is None:
        read = read.replace(tzinfo=zone)
    try:
        read = read.astimezone(UTC)
    except OverflowError as error:
        raise Wrong(_("Only the years 1900 to 2200.")) from error
    if not is_moment(read):
        raise Wrong(_("Only the years 1900 to 2200."))
    return read


def _since_1970(value: float) -> datetime:
    try:
        seconds = value / 1000 if abs(value) >= SECONDS else value
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise Wrong(_("Only the years 1900 to 2200.")) from error


def code(value: OldValue, longest: int) -> str:
    """An identifier made of a text: letters, digits and . / - _; other signs become "-"."""
    found = words(value, 200)
    kept = "".join(c if c.isalnum() or c in "./_-" else "-" for c in found)
    return kept.strip("-./_")[:longest]
