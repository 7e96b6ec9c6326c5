"""What a file leaves open: asked of a person, never guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid

SHOWN_EXAMPLES: Final = 5
LONGEST_CELL: Final = 80  # characters of a cell that an example shows


@dataclass(frozen=True)
class Choice:
    """One answer. `also`: other values that mean the same here."""

    value: str
    label: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A cell of the file, and what each choice would make of it. Rows count from 1."""

    sheet: str
    row: int
    cell: str
    becomes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """`key` names it within a type of import, the same in every file. The first choice is the
    likeliest. `certain`: what is taken unless somebody who sees this very file says otherwise."""

    key: str
    text: str
    choices: tuple[Choice, ...]
    examples: tuple[Example, ...] = ()
    certain: str = ""

    def choice_of(self, value: str) -> str:
        """The value of the choice that is meant, "" where none is."""
        return next((c.value for c in self.choices if value in (c.value, *c.also)), "")


@dataclass
class FileAnswers:
    """What people have said: `given` for this file, `remembered` from earlier ones. Collects the
    questions that come up, answered or not. `is_strict`: answers to what is not asked are wrong."""

    given: Mapping[str, str] = field(default_factory=dict)
    remembered: Mapping[str, str] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    is_strict: bool = False

    def ask(self, question: Question) -> str:
        """The answer; while there is none, the likeliest choice, so that the rest of the file is
        read and shows what else it leaves open. Nothing may be saved then: see `open`."""
        self.questions[question.key] = question
        return self.answer_to(question) or question.choices[0].value

    def answer_to(self, question: Question) -> str:
        """ "" where nobody has given any that still fits."""
        given = question.choice_of(self.given.get(question.key, ""))
        if given or question.certain:
            return given or question.certain
        return question.choice_of(self.remembered.get(question.key, ""))

    def is_remembered(self, question: Question) -> bool:
        own = question.choice_of(self.given.get(question.key, ""))
        return not own and not question.certain and bool(self.answer_to(question))

    @property
    def open(self) -> list[Question]:
        return [found for found in self.questions.values() if not self.answer_to(found)]

    def refuse_open(self) -> None:
        """Raises `Invalid` (questions_open) with what is to be said first."""
        if self.open:
            texts = " ".join(found.text for found in self.open)
            message = _("This file leaves something open, and nothing is guessed: %(questions)s")
            raise Invalid("questions_open", message % {"questions": texts})

    def refuse_unknown(self) -> None:
        """Raises `Invalid` where something was answered that nobody asked, or with no choice."""
        if not self.is_strict:
            return
        for key, value in self.given.items():
            self.check(key, value)

    def check(self, key: str, value: str | None) -> None:
        """Raises `Invalid` (unknown_question, unknown_answer)."""
        question = self.questions.get(key)
        if question is None:
            message = _("This file does not ask “%(key)s”. It asks: %(keys)s.")
            keys = ", ".join(self.questions) or "–"
            raise Invalid("unknown_question", message % {"key": key, "keys": keys})
        if value is not None and not question.choice_of(value):
            message = _("“%(value)s” is no answer to “%(key)s”. Choose one of: %(values)s.")
            values = ", ".join(choice.value for choice in question.choices)
            raise Invalid(
                "unknown_answer", message % {"value": value, "key": key, "values": values}
            )

    def as_json(self) -> list[dict[str, Any]]:
        """Open ones first."""
        asked = sorted(self.questions.values(), key=lambda q: bool(self.answer_to(q)))
        return [_as_json(found, self) for found in asked]


def _as_json(question: Question, answers: FileAnswers) -> dict[str, Any]:
    return {
        "key": question.key,
        "text": question.text,
        "choices": [
            {"value": c.value, "label": c.label, "also": list(c.also)} for c in question.choices
        ],
        "examples": [
            {"sheet": e.sheet, "row": e.row, "cell": e.cell, "becomes": list(e.becomes)}
            for e in question.examples
        ],
        "answer": answers.answer_to(question),
        "remembered": answers.is_remembered(question),
        "certain": bool(question.certain),
    }


def question_of(said: Mapping[str, Any]) -> Question:
    """A question of `FileAnswers.as_json`, without its examples."""
    return Question(
        key=said["key"],
        text=said["text"],
        choices=tuple(
            Choice(choice["value"], choice["label"], tuple(choice["also"]))
            for choice in said["choices"]
        ),
        certain=said["answer"] if said["certain"] else "",
    )


def examples(found: Iterable[tuple[str, int, str, Iterable[str]]]) -> tuple[Example, ...]:
    """The first few: sheet, row, cell, what each choice makes of it."""
    shown: list[Example] = []
    for sheet, row, cell, becomes in found:
        if len(shown) == SHOWN_EXAMPLES:
            break
        shown.append(
            Example(sheet, row, cell[:LONGEST_CELL], tuple(text[:LONGEST_CELL] for text in becomes))
        )
    return tuple(shown)
