"""Texts in spreadsheets: no formulas, and nothing that a workbook cannot hold."""

import io

import pytest
from openpyxl import Workbook, load_workbook

from apps.common.formulas import neutral


@pytest.mark.parametrize("text", ["=1+1", "+a", "-a", "@a", "\ta", "\na", "\r\na"])
def test_no_text_is_a_formula(text: str) -> None:
    assert neutral(text).startswith("'")


def test_signed_numbers_stay() -> None:
    assert [neutral(text) for text in ("+4915112345678", "-1.5")] == ["+4915112345678", "-1.5"]


def test_a_workbook_holds_every_character_that_there_is() -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("All")
    for first in range(0, 0x11000, 256):
        sheet.append([neutral("".join(map(chr, range(first, first + 256))))])
    buffer = io.BytesIO()
    book.save(buffer)
    (rows,) = (list(sheet.values) for sheet in load_workbook(buffer))
    assert len(rows) == 0x110
