"""Columns of numbers with a fraction: which sign parts it."""

import re
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.digits import plain_number
from apps.tabular_files.fields import ColumnCells, Parse, Wrong
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

ONE_SIGN: Final = re.compile(r"([+-]?\d+)([.,])(\d+)")
GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}([.,'\u00a0\u202f ])\d{3}(?:\1\d{3})*")
BOTH: Final = re.compile(r"[+-]?\d{1,3}(?:([.,'\u00a0\u202f ])\d{3})+([.,])\d+")
SIGNS: Final = {"comma": (",", "."), "point": (".", ",")}


def decimals(column: ColumnCells, answers: FileAnswers) -> Parse:
    """Which of comma and point parts the fraction: decided by all numbers of the column, asked
    where 1,234 may be one thousand as well."""
    texts = {cell: plain_number(cell).strip() for cell in column.cells}
    signs = {sign for text in texts.values() if (sign := _fraction_sign(text))}
    doubtful = [
        cell
        for cell, text in texts.items()
        if (found := GROUPED.fullmatch(text))
        and found[1] in ".,"
        and _fits(column, _without(text, ".,"))
        and _fits(column, text)
    ]
    sign = signs.pop() if len(signs) == 1 else ""
    if doubtful and not sign:
        sign = _asked(column, doubtful, texts, answers)

    def parse(cell: str) -> Any:
        return column.parse(_spelled(plain_number(cell).strip(), sign))

    return parse


def _fraction_sign(text: str) -> str:
    """The sign that can only part a fraction, "" where there is none."""
    if both := BOTH.fullmatch(text):
        return both[2] if both[1] != both[2] else ""
    one = ONE_SIGN.fullmatch(text)
    if one and not GROUPED.fullmatch(text):
        return one[2]
    return ""


def _spelled(text: str, sign: str) -> str:
    """With a point before the fraction and nothing else, where the sign of fractions is known."""
    if not sign:
        return text
    other = "".join(mark for mark in ".,'\u00a0\u202f " if mark != sign)
    return _without(text, other).replace(sign, ".")


def _without(text: str, marks: str) -> str:
    return text.translate({ord(mark): None for mark in marks})


def _fits(column: ColumnCells, text: str) -> bool:
    try:
        column.parse(text)
    except Wrong:
        return False
    return True


def _asked(
    column: ColumnCells, doubtful: list[str], texts: dict[str, str], answers: FileAnswers
) -> str:
    def shown(cell: str, sign: str) -> str:
        try:
            return f"{Decimal(column.parse(_spelled(texts[cell], sign))):f}"
        except Wrong as wrong:
            return str(wrong)

    answer = answers.ask(
        Question(
            key=f"decimals:{column.name}",
            text=_("Which sign parts the fraction in “%(column)s”?") % {"column": column.label},
            choices=(
                Choice("point", _("A point; a comma parts thousands")),
                Choice("comma", _("A comma; a point parts thousands")),
            ),
            examples=examples(
                (p.sheet, p.row, cell, [shown(cell, "."), shown(cell, ",")])
                for cell in doubtful
                for p in [column.cells[cell]]
            ),
        )
    )
    return SIGNS[answer][0]
