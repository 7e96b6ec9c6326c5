"""Files become tables, or are refused with what to do; nothing of them harms the process."""

import io
import subprocess
import zipfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from apps.common.errors import Invalid
from apps.imports.workbooks import marked_workbook
from apps.tabular_files import reader
from apps.tabular_files.reader import read_bundle_tables, read_tables
from apps.tabular_files.tables import RowProblem, SheetTable
from tests.imports.support import csv_file, xlsx


def refused(data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read_tables(data)
    return caught.value.code


def test_cells_become_what_a_person_would_type() -> None:
    row = [210595.0, 3, 0.5, date(2026, 9, 1), time(8, 30), True, "  Ünïcode "]
    (table,) = read_tables(xlsx([row]))
    assert table.rows == [["210595", "3", "0.5", "2026-09-01", "08:30:00", "TRUE", "Ünïcode"]]
    (table,) = read_tables(xlsx([[datetime(2026, 9, 1, 8, 30)]]))
    assert table.rows == [["2026-09-01 08:30:00"]]


def test_merged_cells_speak_for_every_row_they_cover() -> None:
    (table,) = read_tables(xlsx([["CSE", "a"], ["", "b"], ["", "c"]], merge="A1:A3"))
    assert [row[0] for row in table.rows] == ["CSE", "CSE", "CSE"]


def test_empty_rows_at_the_end_are_left_out_and_numbers_stay_right() -> None:
    (table,) = read_tables(xlsx([[], ["id"], [], ["1"], [None, ""], [""]]))
    assert [row[0] if row else "" for row in table.rows] == ["", "id", "", "1"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_of_every_office(delimiter: str, coding: str) -> None:
    (table,) = read_tables(
        csv_file([["id", "name"], ["1", "Müller"]], delimiter=delimiter, coding=coding)
    )
    assert table.rows == [["id", "name"], ["1", "Müller"]]


def test_nothing_in_it() -> None:
    assert refused(b"") == "file_empty"
    assert refused(xlsx([[]])) == "file_empty"


def test_too_large_a_file() -> None:
    assert refused(b"a," * (11 * 2**20)) == "file_too_large"


def test_too_many_rows() -> None:
    assert refused(b"1\n" * 100_001) == "too_many_rows"


def test_too_many_columns_and_too_long_a_cell() -> None:
    assert refused(b"a" + b"," * 300) == "too_many_columns"
    assert refused(b"x" * 3000) == "cell_too_long"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xd0\xcf\x11\xe0 old", "file_unreadable"),
        (b"PK\x03\x04 broken", "file_unreadable"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "file_unreadable"),
        (b"%PDF-1.7\n\0\0", "file_unreadable"),
    ],
)
def test_other_files(data: bytes, code: str) -> None:
    assert refused(data) == code


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/") + ".xml", body)
    return buffer.getvalue()


def test_a_zip_that_is_no_workbook() -> None:
    assert refused(zipped(hello=b"world")) == "file_unreadable"


def test_a_zip_bomb_is_refused_by_its_directory() -> None:
    assert refused(zipped(xl__workbook=b"<workbook/>", big=b"0" * 50_000_000)) == "file_too_large"


def test_macros_are_refused() -> None:
    buffer = io.BytesIO(xlsx([["id"]]))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert refused(buffer.getvalue()) == "file_macros"


def crafted(cell: str) -> bytes:
    """A tiny workbook whose only cell is at an address of our choice."""
    source = zipfile.ZipFile(io.BytesIO(xlsx([["x"]])))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            body = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                body = body.replace(b'r="A1"', f'r="{cell}"'.encode()).replace(
                    b'<dimension ref="A1:A1"', f'<dimension ref="A1:{cell}"'.encode()
                )
                body = body.replace(b'<dimension ref="A1"', f'<dimension ref="A1:{cell}"'.encode())
            archive.writestr(name, body)
    return buffer.getvalue()


def test_a_cell_in_the_far_corner_ends_the_child_and_nothing_else() -> None:
    assert refused(crafted("XFD1048576")) in {
        "file_unreadable",
        "file_too_large",
        "too_many_rows",
        "too_many_columns",
    }


def sheets_of(count: int, merged: str, far: tuple[int, int]) -> bytes:
    """A small workbook of large sheets: one text for many cells, and one cell far away."""
    book = Workbook()
    for _number in range(count):
        sheet = book.create_sheet()
        sheet["A1"] = "x" * 30_000
        sheet.cell(*far, value=1)
        sheet.merge_cells(merged)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def answered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each child answered, from now on."""
    sizes: list[int] = []
    run = subprocess.run

    def counted(*arguments: Any, **options: Any) -> Any:
        try:
            done = run(*arguments, **options)
        except subprocess.CalledProcessError as error:
            sizes.append(len(error.stdout))
            raise
        sizes.append(len(done.stdout))
        return done

    monkeypatch.setattr(reader.subprocess, "run", counted)
    return sizes


def test_one_text_for_many_cells_is_cut_before_it_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = answered(monkeypatch)
    assert refused(sheets_of(2, "A1:A500", (500, 2))) == "cell_too_long"
    assert sum(sizes) < 2 * 500 * 2_100


def test_a_far_cell_answers_one_row_and_column_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = answered(monkeypatch)
    assert refused(sheets_of(1, "A1:B1", (300, 9_000))) == "too_many_columns"
    assert sum(sizes) < 300 * 201 * 4 + 10_000


def test_sheets_and_members_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ANSWER", 10_000)
    sizes = answered(monkeypatch)
    assert refused(xlsx([["x" * 1_900]] * 7)) == "file_too_large"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in "abc":
            archive.writestr(f"{name}.csv", f"id\n{'x' * 1_900}\n{'y' * 1_900}\n")
    with pytest.raises(Invalid) as caught:
        read_bundle_tables(buffer.getvalue())
    assert caught.value.code == "file_too_large"
    assert sum(sizes) < 10_000


def test_a_parser_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop = tmp_path / "child.py"
    loop.write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile 1: pass"
    )
    monkeypatch.setattr(reader, "CHILD", loop)
    assert refused(b"a,b") == "file_unreadable"


def test_a_nul_far_down_is_named_by_its_row() -> None:
    """The upload itself looks at the beginning only."""
    rows = [["id", "name"], *([["1", "a" * 50]] * 100), ["2", "a\0b"]]
    for coding in ("utf-8", "utf-16"):
        assert refused(csv_file(rows, coding=coding)) == "bad_text"


def test_a_broken_member_of_a_bundle_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("users.csv", "sourcedId,name\n1,Somebody\n")
    broken = buffer.getvalue().replace(b"Somebody", b"Nobodies", 1)
    with pytest.raises(Invalid) as caught:
        read_bundle_tables(broken)
    assert caught.value.code == "file_unreadable"


def test_what_is_wrong_with_odd_cells_can_be_marked() -> None:
    """Control characters in cells, and names of files that no sheet may have."""
    table = SheetTable("users[1]:'", [["id"], ["a\x0bb\x01"]])
    problem = RowProblem(sheet=table.name, row=2, column="id", value="a", reason="Not \x01 here.")
    book = load_workbook(io.BytesIO(marked_workbook([table], [problem])))
    assert list(book.worksheets[0].values)[1] == ("a\ufffdb\ufffd", "id: Not \ufffd here.")
