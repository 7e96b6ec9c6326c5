"""What parts the cells of a CSV file: found from the table as a whole."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

KEY: Final = "delimiter"
NAMES: Final = {
    ",": ("comma", gettext_lazy("Comma")),
    ";": ("semicolon", gettext_lazy("Semicolon")),
    "\t": ("tab", gettext_lazy("Tab")),
    "|": ("bar", gettext_lazy("Vertical bar")),
}
SAID: Final = re.compile(r"\s*\"?sep=([,;\t|])\"?[,;\t|]*\r?$", re.IGNORECASE)
LOOKED_AT: Final = 60  # rows
SAMPLE: Final = 65_536  # characters
EVEN: Final = 0.9  # of the rows have the same number of cells

IsHeading = Callable[[str], bool]
Rows = tuple[tuple[str, ...], ...]


def delimiter_of(text: str, is_heading: IsHeading, answers: FileAnswers) -> tuple[str, str]:
    """The delimiter, and the text without a line that names it (the rows keep their numbers).

    Headings decide; where they do not, rows of one length; else it is asked.
    """
    first, _newline, rest = text.partition("\n")
    said = SAID.match(first)
    if said:
        return said[1], f"\n{rest}"
    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    readings: dict[Rows, str] = {}
    for delimiter in NAMES:
        readings.setdefault(_rows(sample, delimiter), delimiter)
    fitting = _best(list(readings), lambda rows: max(_headings(rows, is_heading), default=0))
    fitting = _best(fitting, lambda rows: _evenness(rows, is_heading))
    if len(fitting) == 1:
        return readings[fitting[0]], text
    chosen = answers.ask(
        Question(
            key=KEY,
            text=_("What parts the cells of this file? Its rows fit several signs."),
            choices=tuple(_choice(readings[rows]) for rows in fitting),
            examples=examples(_shown(sample, fitting)),
        )
    )
    return next(sign for sign, (value, _label) in NAMES.items() if value == chosen), text


def _choice(delimiter: str) -> Choice:
    value, label = NAMES[delimiter]
    return Choice(value, str(label))


def _best(readings: list[Rows], score: Callable[[Rows], float]) -> list[Rows]:
    scores = [score(rows) for rows in readings]
    return [rows for rows, own in zip(readings, scores, strict=True) if own == max(scores)]


def _rows(sample: str, delimiter: str) -> Rows:
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            rows.append(tuple(row))
            if len(rows) == LOOKED_AT:
                break
    except csv.Error:
        pass
    return tuple(rows)


def _headings(rows: Rows, is_heading: IsHeading) -> list[int]:
    """How many headings stand in each of the first rows."""
    return [sum(map(is_heading, row)) for row in rows[:20]]


def _evenness(rows: Rows, is_heading: IsHeading) -> float:
    """1 for a table of several columns, 0 for what is none."""
    lengths = Counter(len(row) for row in rows if any(row))
    if not lengths:
        return 0
    length, often = lengths.most_common(1)[0]
    if length == 1 or often < EVEN * lengths.total():
        return 0
    hits = _headings(rows, is_heading)
    return float(not max(hits) or len(rows[hits.index(max(hits))]) >= length)


def _shown(sample: str, fitting: Sequence[Rows]) -> list[tuple[str, int, str, list[str]]]:
    lines = sample.splitlines()
    return [
        ("", number + 1, lines[number], [" ⎸ ".join(rows[number]) for rows in fitting])
        for number in range(min(3, len(lines), *map(len, fitting)))
    ]
