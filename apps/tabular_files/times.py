"""Columns of times of day and of weekdays."""

import re
from datetime import time
from functools import cache
from typing import Final

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from apps.common.digits import plain_digits
from apps.tabular_files.fields import ColumnCells, Parse, Wrong, clock, weekday
from apps.tabular_files.languages import language_of, names_in
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

HALF: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")  # nothing says which half of the day
EARLY: Final = range(1, 7)  # hours at which nobody teaches
NOON: Final = 12


def clocks(column: ColumnCells, answers: FileAnswers) -> Parse:
    """Times without AM and PM of a day that seems to end before it is 13:00: asked whether 1:40
    is in the afternoon."""
    bare = {c: t for c in column.cells for t in [_time(c)] if t and HALF.fullmatch(plain_digits(c))}
    early = [cell for cell, found in bare.items() if found.hour in EARLY]
    if not early or any(found.hour > NOON for found in bare.values()):
        return column.parse
    places = [(column.cells[cell], cell) for cell in early]
    answer = answers.ask(
        Question(
            key=f"clock:{column.name}",
            text=_("Are these times in the afternoon? Nothing in the file says so."),
            choices=(
                Choice("afternoon", _("In the afternoon")),
                Choice("as_written", _("At night, as written")),
            ),
            examples=examples(
                (p.sheet, p.row, cell, [f"{_later(bare[cell]):%H:%M}", f"{bare[cell]:%H:%M}"])
                for p, cell in places
            ),
        )
    )

    def parse(cell: str) -> time:
        found: time = column.parse(cell)
        is_early = found.hour in EARLY and HALF.fullmatch(plain_digits(cell))
        return _later(found) if is_early and answer == "afternoon" else found

    return parse


def _time(cell: str) -> time | None:
    try:
        return clock(cell)
    except Wrong:
        return None


def _later(found: time) -> time:
    return found.replace(hour=found.hour + NOON)


def weekdays(column: ColumnCells, answers: FileAnswers) -> Parse:
    """Days by number (asked what 1 is) and by name, in the language that all of them fit; asked
    where they fit two that mean other days."""
    texts = {cell: plain_digits(cell).casefold().strip(" .") for cell in column.cells}
    numbers = [cell for cell, text in texts.items() if re.fullmatch(r"[0-7]", text)]
    names = [cell for cell in texts if cell not in numbers]
    first = _first_day(column, numbers, answers) if numbers else 0
    language = language_of(
        column,
        {cell: texts[cell] for cell in names},
        answers,
        key="weekdays",
        text=_("In which language are the days of “%(column)s”?"),
        means=_means,
        shown=_day_name,
    )

    def parse(cell: str) -> int:
        text = plain_digits(cell).casefold().strip(" .")
        if re.fullmatch(r"[0-7]", text):
            return _counted(int(text), first)
        found = _days(language).get(text)
        return found if found is not None and language != "en" else weekday(cell)

    return parse


COUNTS: Final = {"monday_1": 0, "sunday_1": -1, "sunday_0": 0, "monday_0": 1}


def _first_day(column: ColumnCells, numbers: list[str], answers: FileAnswers) -> int:
    """What has to be added to a number for Monday to be 1."""
    has_zero = any(plain_digits(cell).strip(" .") == "0" for cell in numbers)
    names = ("sunday_0", "monday_0") if has_zero else ("monday_1", "sunday_1")
    labels = {
        "monday_1": _("1 is Monday"),
        "sunday_1": _("1 is Sunday"),
        "sunday_0": _("0 is Sunday, 1 is Monday"),
        "monday_0": _("0 is Monday, 1 is Tuesday"),
    }

    def becomes(cell: str) -> list[str]:
        number = int(plain_digits(cell).strip(" ."))
        return [_named(number, COUNTS[name]) for name in names]

    return COUNTS[
        answers.ask(
            Question(
                key=f"first_weekday:{column.name}",
                text=_("“%(column)s” has numbers. Which day do they count from?")
                % {"column": column.label},
                choices=tuple(Choice(name, labels[name]) for name in names),
                examples=examples(
                    (p.sheet, p.row, c, becomes(c)) for c in numbers for p in [column.cells[c]]
                ),
            )
        )
    ]


def _named(number: int, first: int) -> str:
    try:
        return _day_name(_counted(number, first))
    except Wrong:
        return _day_name(0)


def _counted(number: int, first: int) -> int:
    """ISO number of the day. Raises `Wrong`."""
    if not 0 <= number + first <= 7:
        raise Wrong(_("Not a day of the week, like Monday or MON."))
    return number + first or 7


@cache
def _days(language: str) -> dict[str, int]:
    """Names in small letters → ISO numbers. English ones may be any beginning of two letters."""
    found = dict(names_in(language, WEEKDAYS, WEEKDAYS_ABBR))
    if language == "de":  # as timetables write them
        found |= {name[:2]: number for name, number in found.items()}
    return {name: number + 1 for name, number in found.items()}


def _means(text: str, language: str) -> int:
    """The day, 0 where the text names none in this language."""
    if language != "en":
        return _days(language).get(text, 0)
    try:
        return weekday(text)
    except Wrong:
        return 0


def _day_name(number: int) -> str:
    return str(WEEKDAYS[number - 1]) if number else _("no day")
