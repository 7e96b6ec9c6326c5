"""What a kind of import is: its columns, and what it does with the rows that are right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.audit.services import Actor
from apps.imports.kinds.fields import Field

Apply = Callable[["Batch"], "Outcome"]


@dataclass(frozen=True)
class Problem:
    """One wrong cell, or a wrong row when `column` is empty. Rows count from 1, as in the sheet."""

    sheet: str
    row: int
    column: str
    value: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "value": self.value[:200],
            "reason": self.reason,
        }


@dataclass(slots=True)
class Row:
    """The cells of one row that mean something, by field name; empty cells are left out."""

    sheet: str
    number: int
    values: dict[str, Any]


@dataclass
class Outcome:
    """What came of the rows. `removed` are deactivated, never deleted; their names are shown
    before it happens."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    removed_names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def count(self, counts: Any) -> None:
        self.new += counts.new
        self.changed += counts.changed
        self.unchanged += counts.unchanged


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The rows to apply and how."""

    rows: list[Row]
    present: frozenset[str]  # fields that the file has a column for
    options: dict[str, Any]
    now: datetime
    actor: Actor
    tell: Callable[[int, int, str], None]  # progress: done, total, phase


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of import. `key`: the fields by which two rows are about the same thing."""

    name: str
    label: Any
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    apply: Apply
    can_replace: bool = False
    options: tuple[str, ...] = ()  # option names that it understands
    bundle: bool = False  # a zip of CSV files whose columns are fixed

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)


def problem(row: Row, reason: str, *, column: Any = "", value: Any = "") -> Problem:
    return Problem(row.sheet, row.number, str(column), str(value), reason)


def names_of(rows: Sequence[Any], attribute: str) -> list[str]:
    return [str(getattr(row, attribute)) for row in rows]
