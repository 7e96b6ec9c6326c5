"""One move: the old tables, the campus, the report; and how rows reach the import types."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.writes import PLATFORM
from apps.audit.services import Actor
from apps.common.errors import Invalid
from apps.enrollments.models import Term
from apps.import_types.base import ImportBatch, ImportResult, ImportType
from apps.old_databases import OldData, OldRow
from apps.reconciliation.report import Report, TableReport
from apps.tabular_files.fields import Wrong
from apps.tabular_files.rows import Reading, drop_repeated, read_records
from apps.tabular_files.tables import RowProblem
from apps.tenants.models import Campus

Record = dict[str, str]  # field of the import type → cell as text
Numbered = tuple[int, Record]  # the old row's number


@dataclass(kw_only=True)
class Run:
    """Everything that a system's mover needs."""

    old: OldData
    report: Report
    system: str
    campus: Campus
    zone: ZoneInfo
    now: datetime
    actor: Actor
    dry: bool
    term: Term | None
    tell: Callable[[str], None]
    invited: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """What the audit log calls this source."""
        return f"{self.system}:{self.old.digest}"

    def table(
        self, name: str, *, used: Collection[str] = (), left: Mapping[str, str] | None = None
    ) -> TableReport:
        """Begin the report of an old table. Columns that are neither `used` nor `left` (column →
        reason) and hold something are named with it as unknown."""
        self.tell(name)
        found = TableReport(name, read=self.old.count(name))
        self.report.tables.append(found)
        reasons = left or {}
        for column in self.old.columns(name):
            if column in used:
                continue
            cells = self.old.filled(name, column)
            if cells:
                reason = _(reasons.get(column) or gettext_noop("there is no place for it"))
                values = {"cells": cells, "reason": reason}
                found.columns[column] = _("%(cells)d cells left out: %(reason)s") % values
        return found

    def leave_table(self, name: str, reason: str) -> None:
        """Report a whole table as left out, where the source has it."""
        if name in self.old.tables:
            found = TableReport(name, read=self.old.count(name))
            if found.read:
                found.left_out[reason] += found.read
            self.report.tables.append(found)

    def unknown_tables(self, known: Collection[str]) -> None:
        for name in self.old.tables:
            if name not in known:
                self.leave_table(name, _("This system is not known to have such a table."))

    def read(
        self, table: TableReport, record: Callable[[OldRow], Record]
    ) -> list[tuple[int, OldRow, Record]]:
        """Number, row and record of every row of a table that can be read; the others are
        reported."""
        found = []
        for number, row in self.old.rows(table.name):
            try:
                found.append((number, row, record(row)))
            except Wrong as wrong:
                table.leave_out(number, str(wrong))
        return found

    def hand_on(
        self,
        table: TableReport | None,
        import_type: ImportType,
        records: Iterable[Numbered],
        *,
        beside: bool = False,
        **options: Any,
    ) -> dict[int, dict[str, Any]]:
        """Let an import type save the records, exactly as it saves the rows of a sheet.

        Returns the parsed values of the rows that it took, by number. With a `table`, its report
        gets the counts, or of what is `beside` its rows notes of what was refused; without one a
        refusal raises `Invalid`.
        """
        name = table.name if table else self.system
        reading = read_records(records, import_type, name=name)
        wrong = list(reading.problems)
        before = len(reading.rows) + len({problem.row for problem in wrong})
        drop_repeated(reading, import_type)
        contradicting = reading.problems[len(wrong) :]
        merged = before - len(reading.rows) - len({found.row for found in reading.problems})
        result = self._apply(import_type, reading, options)
        problems = [*wrong, *contradicting, *result.problems]
        self.invited += result.invited
        if table is None:
            _refuse(problems)
        elif beside:
            table.notes += [f"{found.row}: {found.column}: {found.reason}" for found in problems]
        else:
            _account(table, result, problems, merged)
        refused = {found.row for found in problems}
        return {row.number: row.values for row in reading.rows if row.number not in refused}

    def _apply(
        self, import_type: ImportType, reading: Reading, options: dict[str, Any]
    ) -> ImportResult:
        if not reading.rows:
            return ImportResult()
        return import_type.apply(
            ImportBatch(
                rows=reading.rows,
                present=reading.present,
                options={**options, "source": self.source},
                now=self.now,
                actor=self.actor,
                writer=PLATFORM,
                report_progress=lambda _done, _total, _phase: None,
            )
        )


def _account(
    table: TableReport, result: ImportResult, problems: Sequence[RowProblem], merged: int
) -> None:
    table.count(result)
    table.merged += merged
    seen: set[int] = set()
    for found in problems:
        if found.row not in seen:
            seen.add(found.row)
            reason = f"{found.column}: {found.reason}" if found.column else found.reason
            table.leave_out(found.row, reason, value=found.value)
    table.notes += [note for note in result.notes if note not in table.notes]


def _refuse(problems: Sequence[RowProblem]) -> None:
    if problems:
        found = problems[0]
        raise Invalid("cannot_move", f"{found.column} “{found.value}”: {found.reason}")
