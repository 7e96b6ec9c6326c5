"""A table as a file."""

from collections.abc import Callable
from typing import Final

from apps.reports.exports.sheets import csv_file, workbook
from apps.reports.tables import ReportTable


def pdf_file(table: ReportTable) -> bytes:
    from apps.reports.exports.pdf import pdf  # here: every start would load its library

    return pdf(table)


CSV_TYPE: Final = "text/csv"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF_TYPE: Final = "application/pdf"
# format → content type, writer
WRITERS: Final[dict[str, tuple[str, Callable[[ReportTable], bytes]]]] = {
    "csv": (CSV_TYPE, csv_file),
    "xlsx": (XLSX_TYPE, workbook),
    "pdf": (PDF_TYPE, pdf_file),
}
FORMATS: Final = tuple(WRITERS)
# Rows that a request may wait for; longer files are exports.
LONGEST_FILE: Final = 2000


def filename(table: ReportTable, kind: str) -> str:
    """Ours alone: nothing that anybody typed."""
    return f"{table.name}-{table.printed_at.astimezone(table.zone):%Y-%m-%d}.{kind}"
