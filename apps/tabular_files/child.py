"""Reads one table file in a process of its own, which may die without harm.

    python child.py xlsx|DELIMITER MEMORY SECONDS SHEETS ROWS COLUMNS CELL ANSWER < file > JSON

A CSV file comes as UTF-8, its encoding and delimiter known.

A crafted workbook can make the parser abort or take gigabytes; here that ends this process and
nothing else. What is beyond the limits is cut off just behind them, so that the reader can name
it; an answer that is too large all the same ends with status TOO_LARGE.

Answers with one JSON line per sheet: {"name", "rows", "cleaned", "padded"}, every cell as text the
way a person would type it: 210595.0 → "210595", dates → "2026-09-01", 12345 in the format 0000000 →
"0012345". `cleaned`: rows that had invisible characters around a cell; `padded`: cells whose zeros
came from the format. Imports nothing of the project.
"""

import contextlib
import csv
import datetime
import gc
import io
import json
import re
import resource
import sys
import zipfile
from typing import Any

TOO_LARGE = 3
# Marks of direction, joiners, soft hyphens and spaces of no width: nobody sees them.
INVISIBLE = (
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
AROUND = INVISIBLE + "".join(map(chr, filter(lambda n: chr(n).isspace(), range(0x3001))))
PADDED = re.compile(r'(?:"([^"]*)")?(0{2,})')  # a format that shows leading zeros
STYLES = "xl/styles.xml"


def plain(cell: str) -> str:
    """Without what cannot be seen before and behind it."""
    cell = cell.strip()
    if not cell or (cell[0] < "\x7f" and cell[-1] < "\x7f"):
        return cell
    return cell.strip(AROUND)


def text(value: Any) -> str:
    if isinstance(value, str):
        return plain(value)
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


def padded_cells(data: bytes, max_rows: int, max_columns: int) -> dict[str, dict[Any, str]]:
    """By sheet: row and column (from 0) → the number as its format shows it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        styles = (
            archive.read(STYLES).decode("utf-8", "replace") if STYLES in archive.namelist() else ""
        )
    formats = re.findall(r'formatCode="([^"]*)"', styles.replace("&quot;", "'"))
    if not any(PADDED.fullmatch(found.replace("'", '"')) for found in formats):
        return {}
    import openpyxl  # slower, and the one that knows formats

    found: dict[str, dict[Any, str]] = {}
    for sheet in openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True):
        for cells in sheet.iter_rows(max_row=max_rows + 1, max_col=max_columns + 1):
            for cell in cells:
                value = cell.value
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                if type(value) is int and value >= 0:
                    shown = PADDED.fullmatch(cell.number_format or "")
                    if shown:
                        number = (shown[1] or "") + str(value).zfill(len(shown[2]))
                        found.setdefault(sheet.title, {})[cell.row - 1, cell.column - 1] = number
    return found


def xlsx_sheets(
    data: bytes, max_sheets: int, max_rows: int, max_columns: int, max_cell: int
) -> Any:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    padded = padded_cells(data, max_rows, max_columns)
    for name in book.sheet_names[:max_sheets]:
        sheet = book.get_sheet_by_name(name)
        cells = sheet.to_python(skip_empty_area=False)
        # Before merged cells are filled: they may repeat a long text thousands of times.
        rows = [[text(cell)[: max_cell + 1] for cell in row] for row in cells]
        cleaned = sum(
            any(isinstance(cell, str) and plain(cell) != cell.strip() for cell in row)
            for row in cells
        )
        own = padded.get(name, {})
        for (row, column), shown in own.items():
            if row < len(rows) and column < len(rows[row]):
                rows[row][column] = shown
        fill_merged(rows, sheet.merged_cell_ranges)
        yield {"name": name, "rows": rows, "cleaned": cleaned, "padded": len(own)}


def csv_sheets(data: bytes, delimiter: str, max_rows: int, max_cell: int) -> Any:
    rows, cleaned = [], 0
    body = io.StringIO(data.decode(), newline="")
    for row in csv.reader(body, delimiter=delimiter):
        cells = list(map(plain, row))
        cleaned += cells != [cell.strip() for cell in row]
        rows.append([cell[: max_cell + 1] for cell in cells])
        if len(rows) > max_rows + 100:
            break
    yield {"name": "", "rows": rows, "cleaned": cleaned}


def main() -> int:
    form, limits = sys.argv[1], map(int, sys.argv[2:])
    memory, seconds, max_sheets, max_rows, max_columns, max_cell, left = limits
    with contextlib.suppress(ValueError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()  # a million cells, none of which can be part of a cycle
    data = sys.stdin.buffer.read()
    if form == "xlsx":
        sheets = xlsx_sheets(data, max_sheets, max_rows, max_columns, max_cell)
    else:
        sheets = csv_sheets(data, form, max_rows, max_cell)
    for sheet in sheets:
        # At once: json.dump() writes piece by piece, which takes three times as long.
        sheet["rows"] = cut(sheet["rows"], max_rows, max_columns)
        line = (json.dumps(sheet, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        left -= len(line)
        if left < 0:
            return TOO_LARGE
        sys.stdout.buffer.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
