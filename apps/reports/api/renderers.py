"""Reports as files: `?format=csv`, `xlsx` or `pdf`, or the same by the Accept header."""

from typing import Any

from rest_framework.renderers import BaseRenderer

from apps.reports.exports import CSV_TYPE, PDF_TYPE, WRITERS, XLSX_TYPE
from apps.reports.tables import ReportTable


class TableRenderer(BaseRenderer):
    """Writes a `ReportTable`; views answer nothing else where one of these was chosen."""

    format = ""
    charset: str | None = None
    render_style = "binary"

    def render(
        self, data: ReportTable, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        return WRITERS[self.format][1](data)


class CsvRenderer(TableRenderer):
    media_type = CSV_TYPE
    format = "csv"
    charset = "utf-8"


class XlsxRenderer(TableRenderer):
    media_type = XLSX_TYPE
    format = "xlsx"


class PdfRenderer(TableRenderer):
    media_type = PDF_TYPE
    format = "pdf"
