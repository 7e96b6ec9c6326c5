"""Reports and sheets on paper: A4, the headings again on every page, numbered pages.

DejaVu Sans (fonts/, with its licence) has Latin, Greek, Cyrillic, Hebrew and Arabic letters; the
fonts of other scripts are added where a document holds them (`scripts`). What needs it is shaped.
"""

from bisect import bisect
from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from apps.reports.exports.scripts import FONTS, fonts_for
from apps.reports.tables import Column, ColumnType, ReportTable

MARGIN_MM: Final = 12
LINE_MM: Final = 6.5
HEADING_LINE_MM: Final = 3.8
SIGNATURE_MM: Final = 9  # lines to sign on are higher
WIDE: Final = 80  # column widths in sum, above which the page lies on its side
SIZE_PT: Final = 8
HEADING_GREY: Final = 235


class Page(FPDF):
    """A page that knows its table: the title on the first page, the headings on every one."""

    def __init__(self, table: ReportTable) -> None:
        columns = table.shown
        wide = sum(column.width for column in columns) > WIDE
        super().__init__(orientation="landscape" if wide else "portrait", format="A4")
        self.table_data = table
        self.set_margin(MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + LINE_MM)
        self.add_font("dejavu", fname=FONTS / "DejaVuSans.ttf")
        self.add_font("dejavu", style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
        self.set_title(table.title)
        self.set_creation_date(table.printed_at)
        unit = self.epw / sum(column.width for column in columns)
        ordered = reversed(columns) if table.right_to_left else columns
        self.laid_out = [(column, column.width * unit) for column in ordered]
        self.is_signed = any(column.kind == ColumnType.BLANK for column in columns)

    @property
    def line_mm(self) -> float:
        return SIGNATURE_MM if self.is_signed else LINE_MM

    def header(self) -> None:
        if self.page_no() == 1:
            self._title()
        self.set_font("dejavu", "B", SIZE_PT - 1)
        self.set_fill_color(HEADING_GREY)
        top, height = self.get_y(), self._heading_height()
        for column, width in self.laid_out:
            left = self.get_x()
            self.rect(left, top, width, height, style="DF")
            self.multi_cell(
                width, HEADING_LINE_MM, str(column.label), align=_side(column, self.table_data)
            )
            self.set_xy(left + width, top)
        self.set_xy(self.l_margin, top + height)
        self.set_font("dejavu", "", SIZE_PT)

    def _heading_height(self) -> float:
        most = max(self._lines_of(str(column.label), width) for column, width in self.laid_out)
        return 1 + HEADING_LINE_MM * most

    def _lines_of(self, text: str, width: float) -> int:
        lines: Any = self.multi_cell(
            width, HEADING_LINE_MM, text, dry_run=True, output=MethodReturnValue.LINES
        )
        return len(lines)

    def add_scripts(self, texts: Iterable[str]) -> None:
        """Fonts for letters that DejaVu Sans lacks; they have no bold."""
        added = [(path.stem.lower(), path) for path in fonts_for(texts)]
        for name, path in added:
            self.add_font(name, fname=path)
            self.add_font(name, style="B", fname=path)
        if added:
            self.set_fallback_fonts([name for name, _path in added], exact_match=False)

    def _title(self) -> None:
        side = "R" if self.table_data.right_to_left else "L"
        if self.table_data.campus:
            self.set_font("dejavu", "", SIZE_PT)
            self.multi_cell(0, 4.5, self.table_data.campus, align=side, **_NEXT_LINE)
        self.set_font("dejavu", "B", 13)
        self.multi_cell(0, 7, self.table_data.title, align=side, **_NEXT_LINE)
        self.set_font("dejavu", "", SIZE_PT)
        for note in self.table_data.notes:
            self.multi_cell(0, 4.5, note, align=side, **_NEXT_LINE)
        self.ln(2)

    def footer(self) -> None:
        self.set_y(-MARGIN_MM)
        self.set_font("dejavu", "", SIZE_PT - 1)
        printed = self.table_data.printed_at.astimezone(self.table_data.zone)
        text = _("Page %(page)d of %(pages)s") % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(0, 5, f"{printed:%Y-%m-%d %H:%M} · {text}", align="C")

    def row(self, cells: list[str]) -> None:
        if self.will_page_break(self.line_mm):
            self.add_page()
        for (column, width), text in zip(self.laid_out, cells, strict=True):
            side = _side(column, self.table_data)
            self.cell(width, self.line_mm, self._fitted(text, width), border=1, align=side)
        self.ln(self.line_mm)

    def _fitted(self, text: str, width: float) -> str:
        """Cut to the column with an ellipsis; paper has no scroll bar."""
        room = width - 2 * self.c_margin
        if not text or self.get_string_width(text) <= room:
            return text
        fits = bisect(
            range(1, len(text)), False, key=lambda n: self.get_string_width(f"{text[:n]}…") > room
        )
        return f"{text[:fits]}…"


_NEXT_LINE: Final[dict[str, Any]] = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}


def _side(column: Column, table: ReportTable) -> str:
    if column.kind in (ColumnType.WHOLE, ColumnType.DECIMAL):
        return "R"
    return "R" if table.right_to_left else "L"


def pdf(table: ReportTable) -> bytes:
    """The document; a table without rows is one page with headings."""
    page = Page(table)
    cells = [
        [_cleaned(table.text(column, row)) for column, _width in page.laid_out]
        for row in table.rows
    ]
    labels = [str(column.label) for column in table.shown]
    head = [table.campus, table.title, *table.notes, *labels]
    texts = [text for line in (head, *cells) for text in line]
    page.add_scripts(texts)
    if not all(map(_is_left_to_right, texts)):
        page.set_text_shaping(use_shaping_engine=True)
    page.add_page()
    for line in cells:
        page.row(line)
    return bytes(page.output())


def _cleaned(text: str) -> str:
    """One line: the cells of a table have no room for more."""
    return " ".join(text.split())


def _is_left_to_right(text: str) -> bool:
    """Whether nothing needs shaping: everything below the Hebrew block."""
    return text.isascii() or all(letter < "\u0590" or letter > "\u2000" for letter in text)
