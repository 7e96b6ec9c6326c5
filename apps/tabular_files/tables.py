"""A table of text, and what is said about its rows."""

from dataclasses import dataclass
from typing import Any, Protocol

from apps.tabular_files.fields import Field


@dataclass(frozen=True)
class SheetTable:
    """One sheet. `rows[0]` is row 1 of the sheet; `name` is "" for a CSV file. `cleaned`: rows that
    had invisible characters around a cell; `padded`: cells whose format shows leading zeros."""

    name: str
    rows: list[list[str]]
    cleaned: int = 0
    padded: int = 0


@dataclass(frozen=True)
class RowProblem:
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
class ParsedRow:
    """The cells of one row that mean something, by field name; empty cells are left out."""

    sheet: str
    number: int
    values: dict[str, Any]


def problem(row: ParsedRow, reason: str, *, column: Any = "", value: Any = "") -> RowProblem:
    return RowProblem(row.sheet, row.number, str(column), str(value), reason)


class TableType(Protocol):
    """What columns a table may have. `key`: the fields by which two rows are about one thing."""

    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> tuple[Field, ...]: ...
    @property
    def key(self) -> tuple[str, ...]: ...
    def __hash__(self) -> int: ...
