"""The work itself: bytes to rows, rows to the database; a dry run is the same, rolled back."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.writes import Writer
from apps.audit.services import Actor
from apps.import_types.base import ImportBatch, ImportResult, ImportType
from apps.import_types.oneroster import FILES
from apps.import_types.questions import ask_codes, ask_term
from apps.tabular_files.headings import Mapping, columns_of, find_headings, is_heading_of
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.reader import read_bundle_tables, read_tables
from apps.tabular_files.rows import Reading, read_bundle, read_rows
from apps.tabular_files.tables import RowProblem, SheetTable
from apps.tenants.locks import lock
from apps.tenants.scope import WORK_LIMITS
from apps.tenants.tasks import enqueue

ReportProgress = Callable[[int, int, str], None]
SHOWN_ADDRESSES: Final = 500
MANY: Final = 50  # rows from which on the planner is told; PostgreSQL's own first threshold
ANALYZE_TASK: Final = "apps.imports.tasks.analyze_rosters"


@dataclass
class ImportReport:
    """What an import found and did (or, after a dry run, would do)."""

    seen: int
    result: ImportResult
    problems: list[RowProblem] = field(default_factory=list)
    answers: FileAnswers = field(default_factory=FileAnswers)

    @property
    def wrong_rows(self) -> int:
        return len({(found.sheet, found.row) for found in self.problems})

    def reasons(self) -> Counter[str]:
        """How often each thing is wrong: four thousand rows often have one cause."""
        return Counter(found.reason for found in self.problems)

    def as_json(self) -> dict[str, Any]:
        result = self.result
        return {
            "rows": self.seen,
            "new": result.new,
            "changed": result.changed,
            "unchanged": result.unchanged,
            "removed": result.removed,
            "wrong": self.wrong_rows,
            "reasons": [
                {"reason": reason, "count": count}
                for reason, count in self.reasons().most_common(8)
            ],
            "removed_names": result.removed_names,
            "invited": len(result.invited),
            "invited_addresses": result.invited[:SHOWN_ADDRESSES],
            "notes": result.notes,
            "open": len(self.answers.open),
        }


class _DryRun(Exception):
    """Thrown to undo what a dry run did."""


def headings_of(
    tables: list[SheetTable], import_type: ImportType, answers: FileAnswers
) -> list[dict[str, Any]]:
    """The headings of the first sheet and what they mean, for the mapping page."""
    if import_type.bundle:
        return []
    headings = find_headings(tables[0], import_type)
    trial = FileAnswers(answers.given, answers.remembered)
    columns = columns_of(tables[0], headings, import_type, None, trial)
    names = {index: field.name for index, field in columns}
    meaning: Mapping = {}
    for index, text in enumerate(headings.texts):
        if text:
            meaning[text] = meaning.get(text) or names.get(index, "")
    return [{"heading": text, "field": name} for text, name in meaning.items()]


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Without garbage collection, which would visit a hundred thousand rows and cells repeatedly,
    all of them still in use, and take a third of the time of reading."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_upload(
    data: bytes,
    import_type: ImportType,
    *,
    writer: Writer,
    report_progress: ReportProgress,
    answers: FileAnswers,
) -> list[SheetTable]:
    """Everything that the upload holds, parsed once. What it leaves open is asked of `answers`.

    Raises `Invalid`, and `Forbidden` where `writer` may not write this by hand either.
    """
    import_type.refuse(writer)
    report_progress(0, 0, _("reading the file"))
    with gc_disabled():
        if import_type.bundle:
            return read_bundle_tables(data, answers)
        return read_tables(data, answers, is_heading=is_heading_of(import_type))


def run_import(
    tables: list[SheetTable],
    import_type: ImportType,
    *,
    mapping: Mapping | None,
    options: dict[str, Any],
    now: datetime,
    actor: Actor,
    writer: Writer,
    report_progress: ReportProgress,
    dry: bool,
    answers: FileAnswers | None = None,
) -> ImportReport:
    """Read every row of what `read_upload` found, then apply what is right in one transaction.

    While a question is open nothing is compared: the report has the questions and no counts.
    Raises `Invalid` (questions_open where it was to be saved), and `Forbidden` where `writer` may
    not write this by hand either.
    """
    asked = answers or FileAnswers()
    with gc_disabled():
        said: dict[str, Any] = {}
        if import_type.bundle:
            reading = read_bundle(tables, FILES)
        else:
            said = ask_term(import_type, options, asked, now=now)
            reading = read_rows(
                tables,
                import_type,
                mapping=mapping,
                options=options,
                answers=asked,
                amend=lambda rows: ask_codes(rows, import_type, asked),
            )
        asked.refuse_unknown()
        if asked.open:
            if not dry:
                asked.refuse_open()
            return ImportReport(seen=reading.seen, result=ImportResult(), answers=asked)
        report = apply_rows(
            reading,
            import_type,
            options={**options, **said},
            now=now,
            actor=actor,
            writer=writer,
            report_progress=report_progress,
            dry=dry,
        )
    report.answers = asked
    report.result.notes[:0] = reading.notes
    return report


def apply_rows(
    reading: Reading,
    import_type: ImportType,
    *,
    options: dict[str, Any],
    now: datetime,
    actor: Actor,
    writer: Writer,
    report_progress: ReportProgress,
    dry: bool,
) -> ImportReport:
    """Apply rows that were read. A dry run does exactly the same and undoes it: what it counts is
    what a commit will do."""
    said = {field.name for field in import_type.fields if options.get(field.name) is not None}
    import_type.refuse(writer, reading.present | said)
    one_at_a_time()
    total = len(reading.rows)
    report_progress(0, total, _("comparing") if dry else _("saving"))
    batch = ImportBatch(
        rows=reading.rows,
        present=reading.present,
        options={**options, "wrong_rows": len(reading.problems)},
        now=now,
        actor=actor,
        writer=writer,
        report_progress=report_progress,
    )
    result = ImportResult()
    try:
        with transaction.atomic():
            result = import_type.apply(batch)
            report_progress(total, total, _("finishing"))
            if dry:
                raise _DryRun
    except _DryRun:
        pass
    if not dry and result.new + result.changed + result.removed >= MANY:
        enqueue(ANALYZE_TASK)
    problems = sorted(reading.problems + result.problems, key=lambda p: (p.sheet, p.row))
    return ImportReport(seen=reading.seen, result=result, problems=problems)


def one_at_a_time() -> None:
    """Two imports at once could both find somebody new. The second one waits, however long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '0', true)")
        lock("IMPO")
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WORK_LIMITS["lock_timeout"]])


def rosters_analyze() -> None:
    """Tell the planner what lies in the tables that imports fill; no transaction waits for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT import_rosters_analyze()")
