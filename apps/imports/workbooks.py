"""Workbooks that we write: templates to fill in, and uploads with their wrong rows marked."""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.child import INVALID_TITLE_REGEX

from apps.common.formulas import neutral
from apps.import_types.base import ImportType
from apps.tabular_files.tables import RowProblem, SheetTable

HEADING: Final = Font(bold=True)
WRONG: Final = PatternFill("solid", start_color="FFF4CCCC")


def template_workbook(import_type: ImportType) -> bytes:
    """Headings, one example row, and a note on what each column takes."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = str(import_type.label)[:31].replace("/", "-")
    for number, field in enumerate(import_type.fields, start=1):
        heading = sheet.cell(1, number, str(field.label))
        heading.font = HEADING
        must = _("Required.") if field.required else _("May be left out.")
        heading.comment = Comment(" ".join(filter(None, [must, str(field.note)])), "Campus")
        sheet.cell(2, number, field.example).number_format = "@"
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = max(14, len(str(field.label)) + 2)
    sheet.freeze_panes = "A2"
    return _bytes(book)


def marked_workbook(tables: Sequence[SheetTable], problems: Iterable[RowProblem]) -> bytes:
    """The upload again, wrong rows coloured, with what is wrong in a last column."""
    by_row: dict[tuple[str, int], list[RowProblem]] = defaultdict(list)
    for found in problems:
        by_row[found.sheet, found.row].append(found)
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(_sheet_name(table))
        width = max(map(len, table.rows))
        for number, row in enumerate(table.rows, start=1):
            wrong = by_row.get((table.name, number))
            cells = [neutral(cell) for cell in row]
            sheet.append(_marked(sheet, cells, width, wrong) if wrong else cells)
    return _bytes(book)


def _sheet_name(table: SheetTable) -> str:
    """The table's own name, without what no sheet may be called: a file of a bundle may."""
    return neutral(INVALID_TITLE_REGEX.sub(" ", table.name))[:31].strip(" '") or "Import"


def _marked(sheet: Any, cells: list[str], width: int, problems: list[RowProblem]) -> list[Any]:
    reasons = "; ".join(
        f"{found.column}: {found.reason}" if found.column else found.reason for found in problems
    )
    texts = [*cells, *[""] * (width - len(cells)), neutral(reasons)]
    marked = [WriteOnlyCell(sheet, value=text) for text in texts]
    for cell in marked:
        cell.fill = WRONG
    return marked


def _bytes(book: Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
