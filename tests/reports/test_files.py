"""CSV, XLSX and PDF of the same table."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fontTools.ttLib import TTFont
from fpdf import FPDF
from openpyxl import load_workbook
from pypdf import PdfReader

from apps.common.formulas import neutral
from apps.reports.exports import WRITERS
from apps.reports.exports.scripts import FONTS, fonts_for
from apps.reports.tables import Column, ColumnType, ReportTable

MOMENT = datetime(2026, 9, 14, 22, 30, tzinfo=UTC)
COLUMNS = [
    Column(key="id", label="id", kind=ColumnType.WHOLE, in_files=False),
    Column(key="name", label="Name", width=30),
    Column(key="number", label="Sessions", kind=ColumnType.WHOLE),
    Column(key="share", label="Attendance (%)", kind=ColumnType.DECIMAL),
    Column(key="day", label="Day", kind=ColumnType.DAY),
    Column(key="at", label="At", kind=ColumnType.MOMENT, width=18),
]


def a_row(name: str = "Zoë Müller", **cells: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": name,
        "number": 3,
        "share": Decimal("66.67"),
        "day": date(2026, 9, 14),
        "at": MOMENT,
        **cells,
    }


def a_table(*rows: dict[str, Any], **fields: Any) -> ReportTable:
    return ReportTable(
        **{
            "name": "attendance",
            "title": "Attendance",
            "notes": ["Course: CS201"],
            "columns": COLUMNS,
            "rows": rows,
            "zone": ZoneInfo("Europe/Berlin"),
            "printed_at": MOMENT,
            **fields,
        }
    )


def written(kind: str, table: ReportTable) -> bytes:
    return WRITERS[kind][1](table)


def csv_rows(table: ReportTable) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written("csv", table).decode("utf-8-sig"))))


def sheet_rows(table: ReportTable) -> list[tuple[Any, ...]]:
    book = load_workbook(io.BytesIO(written("xlsx", table)))
    return list(book.active.iter_rows(values_only=True))  # type: ignore[union-attr]


def pdf_text(table: ReportTable) -> str:
    reader = PdfReader(io.BytesIO(written("pdf", table)))
    return "\n".join(page.extract_text() for page in reader.pages)


def test_csv_has_the_campus_clock_and_no_ids() -> None:
    assert csv_rows(a_table(a_row())) == [
        ["Name", "Sessions", "Attendance (%)", "Day", "At"],
        ["Zoë Müller", "3", "66.67", "2026-09-14", "2026-09-15 00:30"],
    ]


def test_csv_says_that_it_is_utf8() -> None:
    assert written("csv", a_table()).startswith(b"\xef\xbb\xbf")


def test_xlsx_has_typed_cells() -> None:
    rows = sheet_rows(a_table(a_row(), a_row(share=None)))
    assert rows[0][0] == "Attendance"
    assert rows[1][0] == "Course: CS201"
    assert rows[3] == ("Name", "Sessions", "Attendance (%)", "Day", "At")
    assert rows[4][:3] == ("Zoë Müller", 3, 66.67)
    assert rows[4][4] == datetime(2026, 9, 15, 0, 30)
    assert rows[5][2] is None


ATTACKS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "\n=x", "=HYPERLINK(1)"]


@pytest.mark.parametrize("text", ATTACKS)
def test_formulas_are_made_harmless(text: str) -> None:
    table = a_table(a_row(text), title=text)
    assert csv_rows(table)[1][0].startswith("'")
    book = load_workbook(io.BytesIO(written("xlsx", table)))
    cells = [cell for line in book.active.iter_rows() for cell in line]  # type: ignore[union-attr]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not any(str(cell.value).startswith(("=", "+", "@", "\t")) for cell in cells)


@pytest.mark.parametrize("text", ["+4915112345678", "-7", "Ann-Marie", "3.5"])
def test_numbers_and_names_stay(text: str) -> None:
    assert neutral(text) == text


@pytest.mark.parametrize("text", ["=1", "@1", "-1+1", "+", "-"])
def test_what_only_looks_like_a_number_does_not(text: str) -> None:
    assert neutral(text) == f"'{text}"


def test_pdf_has_title_notes_headings_and_rows() -> None:
    text = pdf_text(a_table(a_row()))
    for part in ("Attendance", "Course: CS201", "Sessions", "Zoë Müller", "66.67", "Page 1 of 1"):
        assert part in text


def test_headings_and_numbers_are_on_every_page() -> None:
    table = a_table(*[a_row(f"Student {number}") for number in range(90)])
    pages = PdfReader(io.BytesIO(written("pdf", table))).pages
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        assert "Sessions" in text
        assert f"Page {number} of {len(pages)}" in text
    everything = "".join(page.extract_text() for page in pages)
    assert all(f"Student {number}" in everything for number in (0, 45, 89))


def test_long_names_are_cut_and_others_survive() -> None:
    text = pdf_text(a_table(a_row("x" * 200), a_row("two\nlines")))
    assert "…" in text
    assert "two lines" in text


def test_a_long_name_is_not_measured_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shaped text of 200 letters took 0.2 s: 2,000 rows held a worker for minutes."""
    measured = []
    right = FPDF.get_string_width

    def counting(self: FPDF, text: str, *args: Any, **kwargs: Any) -> float:
        measured.append(text)
        return right(self, text, *args, **kwargs)

    monkeypatch.setattr(FPDF, "get_string_width", counting)
    rows = [a_row(letter * 200) for letter in ("x", "\u05d0")]
    short = [a_row("x"), a_row("x")]
    written("pdf", a_table(*short))
    before = len(measured)
    written("pdf", a_table(*rows))
    assert len(measured) - 2 * before <= 2 * 10  # log2(200) tries a name


@pytest.mark.parametrize("name", ["محمد علي", "Łukasz Žižka", "Αλέξανδρος", "Дмитрий", "山田"])
def test_names_of_every_script_can_be_printed(name: str) -> None:
    assert written("pdf", a_table(a_row(name), right_to_left=True)).startswith(b"%PDF")


def test_a_workbook_is_written_whatever_stands_in_a_cell() -> None:
    table = a_table(a_row("a\x01b\ufffe"), title="Topic\x0b", notes=["\x1f"])
    rows = list(load_workbook(io.BytesIO(written("xlsx", table))).worksheets[0].values)
    assert rows[0][0] == "Topic\ufffd"
    assert any("a\ufffdb\ufffd" in row for row in rows)


INVISIBLE = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}
SCRIPTS = {
    "Latin": "Zoë Nguyễn",
    "Greek": "Ελένη",
    "Cyrillic": "Ольга",
    "Hebrew": "שלמה",
    "Arabic": "فاطمة",
    "Armenian": "Անահիտ",
    "Georgian": "ნინო",
    "Devanagari": "प्रिया शर्मा",
    "Bengali": "সুমিত্রা",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ",
    "Gujarati": "પ્રિયંકા",
    "Oriya": "ସୁଚିତ୍ରା",
    "Tamil": "கார்த்திக்",
    "Telugu": "శ్రీనివాస్",
    "Kannada": "ಕೃಷ್ಣ",
    "Malayalam": "കൃഷ്ണൻ",
    "Sinhala": "ශ්‍රීමතී",
    "Thai": "สมชาย",
    "Lao": "ສົມສີ",
    "Tibetan": "བསྟན་འཛིན",
    "Burmese": "အောင်ဆန်း",
    "Khmer": "សុភា",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ",
    "Ethiopic": "አበበ",
    "Cherokee": "ᏣᎳᎩ",
    "Thaana": "މުހައްމަދު",
    "Javanese": "ꦗꦮ",
    "Chinese": "张伟 張偉",
    "Japanese": "山田たろう ヤマダ",
    "Korean": "김철수",
}


@lru_cache
def letters_of(font: Path) -> frozenset[int]:
    return frozenset(TTFont(font).getBestCmap())


@pytest.mark.parametrize("script", SCRIPTS)
def test_pdf_has_every_script(script: str) -> None:
    name = SCRIPTS[script]
    document = written("pdf", a_table(a_row(name), notes=[name], title=name, campus=name))
    fonts = [FONTS / "DejaVuSans.ttf", *fonts_for([name])]
    printable = {letter for font in fonts for letter in letters_of(font)}
    missing = {letter for letter in name if ord(letter) not in printable}
    assert {letter for letter in missing if letter not in INVISIBLE} == set()
    if len(fonts) > 1:
        used = {str(font) for page in PdfReader(io.BytesIO(document)).pages for font in bases(page)}
        assert any(font.stem[:8] in base for base in used for font in fonts[1:])


def bases(page: Any) -> list[str]:
    return [str(font.get_object()["/BaseFont"]) for font in page["/Resources"]["/Font"].values()]


def test_pdf_names_the_campus() -> None:
    assert "North Campus" in pdf_text(a_table(a_row(), campus="North Campus"))
