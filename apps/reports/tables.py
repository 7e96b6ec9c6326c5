"""The shape of every report: columns and rows, whatever they are written as."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from apps.common.moments import local

Row = dict[str, Any]


class ColumnType(StrEnum):
    TEXT = "text"
    WHOLE = "whole"  # whole numbers
    DECIMAL = "decimal"  # two places
    DAY = "day"
    MOMENT = "moment"
    BLANK = "blank"  # to be filled in with a pen


@dataclass(frozen=True, kw_only=True)
class Column:
    """`in_files` is false for what only programs need, such as ids."""

    key: str
    label: Any
    kind: ColumnType = ColumnType.TEXT
    in_files: bool = True
    # Relative to the other columns, on paper.
    width: int = 10
    # Groups for which it says nothing: files and pages leave it out.
    idle_for: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A report with its rows, ready to be written. `notes` say what was asked for and the rule."""

    name: str
    title: str
    campus: str = ""  # its name
    notes: Sequence[str] = ()
    columns: Sequence[Column]
    rows: Sequence[Row]
    zone: ZoneInfo
    right_to_left: bool = False
    printed_at: datetime

    @property
    def shown(self) -> list[Column]:
        return [column for column in self.columns if column.in_files]

    def value(self, column: Column, row: Row) -> Any:
        """The cell for a file: moments on the campus's clock, without their zone."""
        value = row.get(column.key)
        if isinstance(value, datetime):
            return local(value, self.zone).replace(tzinfo=None, microsecond=0)
        return value

    def text(self, column: Column, row: Row) -> str:
        """The cell as people read it; "" for what is not there."""
        value = self.value(column, row)
        if value is None:
            return ""
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, date):
            return value.isoformat()
        return str(value)


@dataclass(frozen=True)
class PagedRows:
    """Rows that are read page by page. Paginators count and slice it like a list.

    `finish` makes rows of the records of one page, with as many statements for one as for many.
    """

    source: QuerySet[Any, Any] | Sequence[Any]
    finish: Callable[[list[Any]], list[Row]] = field(default=list)
    ordered: bool = True

    def count(self) -> int:
        if isinstance(self.source, QuerySet):
            return int(self.source.count())
        return len(self.source)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Row]:
        return self.finish(list(self.source[part]))
