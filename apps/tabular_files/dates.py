"""Dates: those that are certain, and columns whose order of day and month has to be found."""

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache
from typing import Final

from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.digits import plain_digits
from apps.common.moments import is_day
from apps.tabular_files.fields import ColumnCells, Parse, Wrong
from apps.tabular_files.languages import LANGUAGES, language_of, names_in
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

NUMBERS: Final = re.compile(r"(\d{1,4})\s*([/.\-])\s*(\d{1,2})\s*\2\s*(\d{1,4})")
NAMED: Final = re.compile(r"(\d{1,2})(?:\.|st|nd|rd|th)?[\s\-]+([^\W\d_]+)\.?,?[\s\-]+(\d{4})")
SERIAL: Final = re.compile(r"[2-7]\d{4}")  # days since 1900 or 1904: the years 1954 to 2123
EPOCHS: Final = {"1900": date(1899, 12, 30), "1904": date(1904, 1, 1)}
ORDERS: Final = {
    "day_first": ("dmy", gettext_lazy("Day first")),
    "month_first": ("mdy", gettext_lazy("Month first")),
    "year_first": ("ymd", gettext_lazy("Year first")),
}
REFUSE: Final = "refuse"
Read = Callable[[str], date | None]


def day(cell: str) -> date:
    """A date that can only mean one day: 2026-09-01, 01.09.2026, 13/09/2026, 1 September 2026.

    Raises `Wrong`, also for 01/09/2026: only its column can tell (`days`).
    """
    cell = plain_digits(cell).strip()
    found = _readings(cell) | {one for name in LANGUAGES for one in [_named(cell, name)] if one}
    if len(found) > 1:
        raise Wrong(_("Day and month could be either way round. Write it like 2026-09-01."))
    if not found or _has_short_year(cell):
        raise Wrong(_("Not a date, like 2026-09-01 or 01.09.2026."))
    return _bounded(found.pop())


def days(column: ColumnCells, answers: FileAnswers) -> Parse:
    """The order of day and month that all values fit; asked where they fit two, where years have
    two digits, and where a spreadsheet has left the serial numbers of days."""
    cells = {cell: plain_digits(cell).strip() for cell in column.cells}
    serials = [cell for cell, text in cells.items() if SERIAL.fullmatch(text)]
    short = [cell for cell, text in cells.items() if _has_short_year(text)]
    several = [cell for cell, text in cells.items() if len(_orders(text)) > 1]
    order = _order(column, list(dict.fromkeys([*short, *several])), bool(short), answers)
    epoch = _epoch(column, serials, answers) if serials else REFUSE
    language = _month_language(column, answers)

    def parse(cell: str) -> date:
        text = plain_digits(cell).strip()
        found = None
        if SERIAL.fullmatch(text) and epoch != REFUSE:
            found = _serial(text, epoch)
        elif len(_orders(text)) > 1 or _has_short_year(text):
            if order != REFUSE:
                found = _numbers(text, ORDERS[order][0])
        else:
            found = _named(text, language) or day(cell)
        if found is None:
            raise Wrong(_("Not a date, like 2026-09-01 or 01.09.2026."))
        return _bounded(found)

    return parse


def _order(column: ColumnCells, open_cells: list[str], is_short: bool, answers: FileAnswers) -> str:
    """The order of those cells, one of `ORDERS`, or `REFUSE`."""
    texts = [plain_digits(cell).strip() for cell in open_cells]
    dated = [(c, t) for c, t in zip(open_cells, texts, strict=True) if _readings(t)]
    if not dated:
        return "day_first"
    possible = [
        name
        for name, (order, _label) in ORDERS.items()
        if any(order in _orders(t) for _, t in dated)
    ]
    fitting = [
        name for name in possible if all(_numbers(text, ORDERS[name][0]) for _cell, text in dated)
    ]
    meant = {tuple(_numbers(text, ORDERS[name][0]) for _cell, text in dated) for name in fitting}
    if len(meant) == 1 and not is_short:
        return fitting[0]
    offered = fitting if len(fitting) > 1 or (fitting and is_short) else possible
    choices = [Choice(name, str(ORDERS[name][1])) for name in offered]
    reads = [_reader(ORDERS[name][0]) for name in offered]
    text = _("Dates in “%(column)s” can be read in several ways. Which is meant?")
    return _ask(column, "dates", text, dated, choices, reads, answers)


def _reader(order: str) -> Read:
    return lambda text: _numbers(text, order)


def _epoch(column: ColumnCells, serials: list[str], answers: FileAnswers) -> str:
    choices = [
        Choice("1900", _("Days since 1900 (most spreadsheets)")),
        Choice("1904", _("Days since 1904 (older ones of a Mac)")),
    ]
    cells = [(cell, plain_digits(cell).strip()) for cell in serials]
    text = _("“%(column)s” has numbers where dates are expected. Are they days that were counted?")
    reads: list[Read] = [lambda cell: _serial(cell, "1900"), lambda cell: _serial(cell, "1904")]
    return _ask(column, "serials", text, cells, choices, reads, answers)


def _ask(
    column: ColumnCells,
    kind: str,
    text: str,
    cells: Iterable[tuple[str, str]],
    choices: list[Choice],
    reads: list[Read],
    answers: FileAnswers,
) -> str:
    wrong = _("no date")

    def becomes(cell: str) -> list[str]:
        return [str(read(cell) or wrong) for read in reads] + [_("wrong row")]

    shown = ((p.sheet, p.row, c, becomes(t)) for c, t in cells for p in [column.cells[c]])
    return answers.ask(
        Question(
            key=f"{kind}:{column.name}",
            text=text % {"column": column.label},
            choices=(*choices, Choice(REFUSE, _("None of these: refuse the rows"))),
            examples=examples(sorted(shown, key=lambda one: len(set(one[3])), reverse=True)),
        )
    )


def _orders(text: str) -> tuple[str, ...]:
    """In which orders the numbers may stand, whether or not there is such a day."""
    found = NUMBERS.fullmatch(text)
    if not found:
        return ()
    first, sign, _middle, last = found.groups()
    if len(first) == 4 and len(last) <= 2:
        return ("ymd",)
    if len(first) > 2 or len(last) not in (2, 4):
        return ()
    if sign == ".":
        return ("dmy",)
    if len(last) == 4:
        return ("dmy", "mdy")
    return ("dmy", "mdy", "ymd")


def _has_short_year(text: str) -> bool:
    found = NUMBERS.fullmatch(text)
    return bool(found) and max(len(found[1]), len(found[4])) == 2  # type: ignore[index]


def _readings(text: str) -> set[date]:
    return {one for one in (_numbers(text, order) for order in _orders(text)) if one}


def _numbers(text: str, order: str) -> date | None:
    found = NUMBERS.fullmatch(text)
    if not found or order not in _orders(text):
        return None
    part = dict(zip(order, (found[1], found[3], found[4]), strict=True))
    return _day(part["y"], int(part["m"]), part["d"])


def _day(year: str, month: int, day_of_month: str) -> date | None:
    """Years of two digits are of this century, as the examples of the question show."""
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, int(day_of_month))
    except ValueError:
        return None


def _serial(text: str, epoch: str) -> date:
    return EPOCHS[epoch] + timedelta(days=int(text))


def _bounded(found: date) -> date:
    if not is_day(found):
        raise Wrong(_("Only the years 1900 to 2200."))
    return found


@cache
def _months(language: str) -> dict[str, int]:
    """Names of months in small letters → their numbers."""
    return dict(names_in(language, MONTHS_ALT, MONTHS_AP, MONTHS_3, MONTHS))


def _month(name: str, language: str) -> int:
    """0 where it is no month in this language."""
    return _months(language).get(name, 0)


def _month_name(number: int) -> str:
    return str(MONTHS[number]) if number else _("no month")


def _month_language(column: ColumnCells, answers: FileAnswers) -> str:
    found = {cell: NAMED.fullmatch(plain_digits(cell).strip()) for cell in column.cells}
    return language_of(
        column,
        {cell: match[2].casefold() for cell, match in found.items() if match},
        answers,
        key="months",
        text=_("In which language are the months of “%(column)s”?"),
        means=_month,
        shown=_month_name,
    )


def _named(text: str, language: str) -> date | None:
    found = NAMED.fullmatch(text)
    month = _month(found[2].casefold(), language) if found else 0
    return _day(found[3], month, found[1]) if found and month else None
