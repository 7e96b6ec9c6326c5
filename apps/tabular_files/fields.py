"""Columns of an import: how they are headed, what their cells mean, what is wrong with a cell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from apps.common.digits import plain_digits, plain_number, plain_phone
from apps.common.texts import validate_name
from apps.tabular_files.questions import FileAnswers

Parse = Callable[[str], Any]
YES: Final = {"yes", "y", "true", "1", "x", "cr", "✓"}
NO: Final = {"no", "n", "false", "0", "-"}
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIME_FORMATS: Final = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p")
SHORTENED: Final = re.compile(
    r"[0-9]([.,][0-9]+)?E\+[0-9]+|[0-9][.,][0-9]+E-?[0-9]+", re.IGNORECASE
)
CODE: Final = re.compile(r"^\w[\w./\-]*$")
CLOCK: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(?![0-9])")
PHONE: Final = re.compile(r"^\+[1-9][0-9]{6,14}$")


class Wrong(ValueError):
    """A cell that cannot be taken; its text says why, for the person who typed it."""


@dataclass(frozen=True)
class CellPlace:
    """Where a cell stands first. Rows count from 1."""

    sheet: str
    row: int


@dataclass(frozen=True)
class ColumnCells:
    """All that stands in a column (or in several that are read alike) of the file: each text once.
    `beside`: names of the fields that have a column."""

    name: str
    label: str
    parse: Parse
    cells: Mapping[str, CellPlace]
    beside: frozenset[str] = frozenset()


ReadColumn = Callable[[ColumnCells, FileAnswers], Parse]
"""How the cells are read, now that all of them are known; asks where they leave it open."""


class Several(dict[str, Any]):
    """What a cell says to several fields, by their names."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column. `headings` are other spellings that are understood (case, spaces and
    punctuation do not count). `column`: what single cells leave open is decided from all of them;
    fields of one `alike` are decided together. `is_secret`: never shown in an example."""

    name: str
    label: Any
    parse: Parse
    headings: tuple[str, ...] = ()
    required: bool = False
    note: Any = ""
    example: str = ""
    column: ReadColumn | None = None
    alike: str = ""
    is_secret: bool = False


def normal(heading: str) -> str:
    """A heading without what people vary: case, spaces, punctuation."""
    return re.sub(r"[\W_]+", "", heading).casefold()


def words(longest: int) -> Parse:
    def parse(cell: str) -> str:
        value = " ".join(cell.split())
        if len(value) > longest:
            raise Wrong(_("Longer than %(longest)d characters.") % {"longest": longest})
        try:
            validate_name(value)
        except ValidationError as error:
            raise Wrong(error.messages[0]) from error
        return value

    return parse


def code(longest: int = 50) -> Parse:
    """An identifier of the campus: letters, digits and . / - _ only. A number is a number in
    whatever script it was typed."""

    def parse(cell: str) -> str:
        cell = plain_digits(cell)
        if len(cell) > longest:
            raise Wrong(_("Longer than %(longest)d characters.") % {"longest": longest})
        if SHORTENED.fullmatch(cell):
            raise Wrong(_("A spreadsheet has shortened this number. Type it anew, as text."))
        if not CODE.match(cell):
            raise Wrong(_("Only letters, digits and . / - _ are allowed."))
        return cell

    return parse


def email(cell: str) -> str:
    value = cell.lower()
    try:
        validate_email(value)
    except ValidationError as error:
        raise Wrong(_("Not an e-mail address.")) from error
    return value


def phone(cell: str) -> str:
    value = plain_phone(cell)
    if not PHONE.match(value):
        raise Wrong(_("Not a number with country code, like +4915112345678."))
    return value


def integer(least: int, most: int) -> Parse:
    def parse(cell: str) -> int:
        try:
            value = int(plain_number(cell))
        except ValueError as error:
            raise Wrong(_("Not a whole number.")) from error
        if not least <= value <= most:
            bounds = {"least": least, "most": most}
            raise Wrong(_("Not between %(least)d and %(most)d.") % bounds)
        return value

    return parse


def decimal(least: int, most: int) -> Parse:
    def parse(cell: str) -> Decimal:
        try:
            value = Decimal(plain_number(cell).replace(",", "."))
        except InvalidOperation as error:
            raise Wrong(_("Not a number.")) from error
        if not (value.is_finite() and least <= value <= most):
            bounds = {"least": least, "most": most}
            raise Wrong(_("Not between %(least)d and %(most)d.") % bounds)
        return value

    return parse


def clock(cell: str) -> time:
    """A time of day: 08:30, 8:30 AM, or what a spreadsheet makes of it; 9:5 is none."""
    cell = plain_digits(cell)
    if not CLOCK.match(cell):
        raise Wrong(_("Not a time, like 08:30."))
    for pattern in TIME_FORMATS:
        try:
            return datetime.strptime(cell.upper(), pattern).time()  # noqa: DTZ007
        except ValueError:
            continue
    raise Wrong(_("Not a time, like 08:30."))


def weekday(cell: str) -> int:
    """ISO number of the day: Monday, MON and 1 are 1."""
    value = plain_digits(cell).casefold().strip(".")
    if value.isdecimal() and 1 <= int(value) <= 7:
        return int(value)
    hits = [
        n for n, name in enumerate(WEEKDAYS, start=1) if len(value) > 1 and name.startswith(value)
    ]
    if len(hits) != 1:
        raise Wrong(_("Not a day of the week, like Monday or MON."))
    return hits[0]


def yes_no(cell: str) -> bool:
    value = plain_digits(cell).casefold()
    if value in YES | NO:
        return value in YES
    raise Wrong(_("Neither yes nor no."))


def choice(**spellings: tuple[str, ...]) -> Parse:
    """One of several values, each with the spellings that mean it."""
    known = {normal(text): value for value, texts in spellings.items() for text in (value, *texts)}

    def parse(cell: str) -> str:
        try:
            return known[normal(cell)]
        except KeyError as error:
            options = ", ".join(spellings)
            raise Wrong(_("Not one of: %(options)s.") % {"options": options}) from error

    return parse
