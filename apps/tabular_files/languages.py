"""Names of days and months in the languages of the files that are read, as the framework has
them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.utils import translation
from django.utils.translation import get_language_info

from apps.tabular_files.fields import ColumnCells
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

LANGUAGES: Final = (
    *("en", "de", "fr", "es", "pt", "it", "nl", "tr", "pl", "cs", "ro", "hu", "el", "ru", "uk"),
    *("ar", "he", "fa", "hi", "bn", "ta", "te", "th", "vi", "id", "sw", "sv", "da", "nb", "fi"),
    *("ja", "ko", "zh-hans"),
)


def names_in(language: str, *kinds: Mapping[int, Any]) -> list[tuple[str, int]]:
    """The names in small letters, each with its number."""
    with translation.override(language):
        return [
            (str(name).strip(".").casefold(), number)
            for kind in kinds
            for number, name in kind.items()
        ]


def language_of(
    column: ColumnCells,
    names: Mapping[str, str],
    answers: FileAnswers,
    *,
    key: str,
    text: str,
    means: Callable[[str, str], int],
    shown: Callable[[int], str],
) -> str:
    """The language in which most of the names (by their cells) mean something, the first of those
    in which they mean the same; asked where they mean different things.

    `means(name, language)`: the number, 0 for none; `shown`: how to write it in an example.
    """
    readings = {
        language: tuple(means(name, language) for name in names.values()) for language in LANGUAGES
    }
    best = max(sum(map(bool, reading)) for reading in readings.values())
    fitting: dict[Sequence[int], str] = {}
    for language, reading in readings.items():
        if best and sum(map(bool, reading)) == best:
            fitting.setdefault(reading, language)
    if len(fitting) < 2:
        return next(iter(fitting.values()), LANGUAGES[0])
    return answers.ask(
        Question(
            key=f"{key}:{column.name}",
            text=text % {"column": column.label},
            choices=tuple(
                Choice(name, str(get_language_info(name)["name_translated"]))
                for name in fitting.values()
            ),
            examples=examples(
                (place.sheet, place.row, cell, [shown(reading[n]) for reading in fitting])
                for n, cell in enumerate(names)
                if len({reading[n] for reading in fitting}) > 1
                for place in [column.cells[cell]]
            ),
        )
    )
