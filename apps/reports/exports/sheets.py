"""CSV and XLSX. Texts that a spreadsheet program would run as formulas are made harmless."""

import csv
import io
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from apps.common.formulas import neutral
from apps.reports.tables import Column, ColumnType, ReportTable

HEADING: Final = Font(bold=True)
NUMBER_FORMATS: Final = {
    ColumnType.WHOLE: "0",
    ColumnType.DECIMAL: "0.00",
    ColumnType.DAY: "yyyy-mm-dd",
    ColumnType.MOMENT: "yyyy-mm-dd hh:mm",
}


def csv_file(table: ReportTable) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheet programs need; headings, then the rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([neutral(str(column.label)) for column in table.shown])
    for row in table.rows:
        writer.writerow([_csv_cell(table, column, row) for column in table.shown])
    return buffer.getvalue().encode("utf-8-sig")


def _csv_cell(table: ReportTable, column: Column, row: dict[str, Any]) -> str:
    value = table.value(column, row)
    text = table.text(column, row)
    return neutral(text) if isinstance(value, str) else text


def workbook(table: ReportTable) -> bytes:
    """One sheet: title and notes above, headings that stay when scrolling, typed cells."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_sheet_name(table))
    for number, column in enumerate(table.shown, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = column.width + 2
    head = [[_text(sheet, table.title, bold=True)], *([_text(sheet, n)] for n in table.notes), []]
    sheet.freeze_panes = f"A{len(head) + 2}"
    sheet.sheet_view.rightToLeft = table.right_to_left
    for line in head:
        sheet.append(line)
    sheet.append([_text(sheet, str(column.label), bold=True) for column in table.shown])
    for row in table.rows:
        sheet.append([_cell(sheet, table, column, row) for column in table.shown])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _sheet_name(table: ReportTable) -> str:
    return table.name[:31]


def _cell(sheet: Any, table: ReportTable, column: Column, row: dict[str, Any]) -> Any:
    value = table.value(column, row)
    if isinstance(value, str):
        return _text(sheet, value)
    if column.kind not in NUMBER_FORMATS or value is None:
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = NUMBER_FORMATS[column.kind]
    return cell


def _text(sheet: Any, text: str, *, bold: bool = False) -> Any:
    cell = WriteOnlyCell(sheet, neutral(text))
    cell.data_type = "s"  # never a formula, whatever it begins with
    if bold:
        cell.font = HEADING
    return cell
