"""Tables as files, and the import of one in a line."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import openpyxl

from apps.accounts.writes import PLATFORM, Writer
from apps.audit.services import SYSTEM
from apps.import_types.registry import import_type_named
from apps.imports.services.apply import ImportReport, read_upload, run_import
from apps.tabular_files.questions import FileAnswers
from apps.tenants.scope import campus_scope
from tests.factories import Cast

NOW = datetime(2026, 9, 7, 9, 0, tzinfo=UTC)
Rows = Sequence[Sequence[Any]]


def xlsx(rows: Rows, *, title: str = "Sheet1", merge: str = "") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    if merge:
        sheet.merge_cells(merge)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def csv_file(rows: Rows, *, delimiter: str = ",", coding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(coding)


def no_progress(done: int, total: int, phase: str) -> None:
    """Nobody watches."""


def do_import(
    cast: Cast,
    kind: str,
    data: bytes | Rows,
    *,
    dry: bool = False,
    mapping: dict[str, str] | None = None,
    now: datetime = NOW,
    writer: Writer = PLATFORM,
    answers: FileAnswers | dict[str, str] | None = None,
    **options: Any,
) -> ImportReport:
    """Import a table in one go, as a worker does; `answers` to what it asks, by key."""
    asked = answers if isinstance(answers, FileAnswers) else FileAnswers(answers or {})
    body = data if isinstance(data, bytes) else xlsx(data)
    with campus_scope(cast.campus):
        tables = read_upload(
            body,
            import_type_named(kind),
            writer=writer,
            report_progress=no_progress,
            answers=asked,
        )
        return run_import(
            tables,
            import_type_named(kind),
            mapping=mapping,
            options=options,
            now=now,
            actor=SYSTEM,
            writer=writer,
            report_progress=no_progress,
            dry=dry,
            answers=asked,
        )


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """new, changed, unchanged, wrong."""
    result = report.result
    return result.new, result.changed, result.unchanged, report.wrong_rows


def reasons(report: ImportReport) -> list[tuple[int, str]]:
    return [(problem.row, problem.reason) for problem in report.problems]
