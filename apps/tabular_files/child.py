"""Reads one table file in a process of its own, which may die without harm.

    python child.py xlsx|csv MEMORY SECONDS SHEETS ROWS COLUMNS CELL ANSWER < file > JSON lines

A crafted workbook can make the parser abort or take gigabytes; here that ends this process and
nothing else. What is beyond the limits is cut off just behind them, so that the reader can name
it; an answer that is too large all the same ends with status TOO_LARGE.

Answers with one JSON line per sheet: {"name", "rows"}, every cell as text the way a person would
type it: 210595.0 → "210595", dates → "2026-09-01". Imports nothing of the project.
"""

import codecs
import contextlib
import csv
import datetime
import gc
import io
import json
import resource
import sys
from typing import Any

CODINGS = ("utf-8-sig", "cp1252")
DELIMITERS = ",;\t|"
TOO_LARGE = 3


def text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return str(value.date()) if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.timedelta):
        return str(value)
    return str(value)


def fill_merged(rows: list[list[str]], ranges: Any) -> None:
    """A merged cell speaks for every row that it covers (and for its first column only)."""
    for (top, left), (bottom, _right) in ranges or ():
        for number in range(top + 1, min(bottom + 1, len(rows))):
            if left < len(rows[number]) and not rows[number][left]:
                rows[number][left] = rows[top][left]


def cut(rows: list[list[str]], max_rows: int, max_columns: int) -> list[list[str]]:
    """Without the empty rows at the end, and with one row and column too many at most."""
    last = next((n for n in range(len(rows), 0, -1) if any(rows[n - 1])), 0)
    return [row[: max_columns + 1] for row in rows[: min(last, max_rows + 1)]]


def xlsx_sheets(data: bytes, max_sheets: int, max_cell: int) -> Any:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    for name in book.sheet_names[:max_sheets]:
        sheet = book.get_sheet_by_name(name)
        cells = sheet.to_python(skip_empty_area=False)
        # Before merged cells are filled: they may repeat a long text thousands of times.
        rows = [[text(cell)[: max_cell + 1] for cell in row] for row in cells]
        fill_merged(rows, sheet.merged_cell_ranges)
        yield name, rows


def decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    for coding in CODINGS:
        try:
            return data.decode(coding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def csv_sheets(data: bytes, max_rows: int, max_cell: int) -> Any:
    body = decoded(data)
    first = body.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    rows = []
    for row in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter):
        rows.append([cell.strip()[: max_cell + 1] for cell in row])
        if len(rows) > max_rows + 100:
            break
    yield "", rows


def main() -> int:
    form, limits = sys.argv[1], map(int, sys.argv[2:])
    memory, seconds, max_sheets, max_rows, max_columns, max_cell, left = limits
    with contextlib.suppress(ValueError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()  # a million cells, none of which can be part of a cycle
    data = sys.stdin.buffer.read()
    is_xlsx = form == "xlsx"
    sheets = (
        xlsx_sheets(data, max_sheets, max_cell) if is_xlsx else csv_sheets(data, max_rows, max_cell)
    )
    for name, rows in sheets:
        # At once: json.dump() writes piece by piece, which takes three times as long.
        sheet = {"name": name, "rows": cut(rows, max_rows, max_columns)}
        line = (json.dumps(sheet, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        left -= len(line)
        if left < 0:
            return TOO_LARGE
        sys.stdout.buffer.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
