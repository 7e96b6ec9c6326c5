"""Uploaded bytes to tables of text, through a bounded child process."""

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.tabular_files.archive import (
    check_workbook,
    open_checked,
    too_large,
    unpacked,
    unreadable,
)
from apps.tabular_files.limits import (
    CHILD_MEMORY,
    CHILD_SECONDS,
    MAX_ANSWER,
    MAX_BYTES,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_SHEETS,
)
from apps.tabular_files.tables import SheetTable

TOO_LARGE: Final = 3  # the status of a child whose answer would be too large
CHILD: Final = Path(__file__).with_name("child.py")
ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0"  # .xls, and encrypted workbooks


def read_tables(data: bytes) -> list[SheetTable]:
    """Every sheet that holds anything, within the limits. Raises `Invalid` with what to do.

    What the file is, is decided by its content, never by its name.
    """
    form = form_of(data)
    if form == "xlsx":
        check_workbook(data)
    sheets, _size = _parsed(data, form, MAX_ANSWER)
    tables = [SheetTable(sheet["name"], _trimmed(sheet["rows"])) for sheet in sheets]
    tables = [table for table in tables if table.rows]
    if not tables:
        raise Invalid("file_empty", _("There is nothing in this file."))
    for table in tables:
        _check_size(table)
    return tables


def read_bundle_tables(data: bytes) -> list[SheetTable]:
    """Every CSV file of a zip archive, named without its folder and ending. Raises `Invalid`."""
    if form_of(data) != "xlsx":  # a zip, as far as its first bytes say
        raise Invalid("file_unreadable", _("A zip archive of CSV files is expected."))
    tables, left = [], MAX_ANSWER
    with open_checked(data) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        for name in names[:MAX_SHEETS]:
            sheets, size = _parsed(unpacked(archive, name), "csv", left)
            left -= size
            for sheet in sheets:
                tables.append(SheetTable(PurePosixPath(name).stem, _trimmed(sheet["rows"])))
    for table in tables:
        _check_size(table)
    return [table for table in tables if table.rows]


def form_of(data: bytes) -> str:
    """ "xlsx" or "csv"; raises `Invalid` for everything else."""
    if len(data) > MAX_BYTES:
        message = _("Files of up to %(mb)d MB can be read.") % {"mb": MAX_BYTES // 2**20}
        raise Invalid("file_too_large", message)
    if data.startswith(ZIP):
        return "xlsx"
    if data.startswith(OLE):
        message = _("This is an old .xls or a protected workbook. Save it as a plain .xlsx.")
        raise Invalid("file_unreadable", message)
    head = data[:4096]
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable()
    return "csv"


def _parsed(data: bytes, form: str, left: int) -> tuple[list[dict], int]:
    """The sheets, and how large the child's answer was: at most `left`."""
    limits = (CHILD_MEMORY, CHILD_SECONDS, MAX_SHEETS, MAX_ROWS, MAX_COLUMNS, MAX_CELL, left)
    command = [sys.executable, "-I", str(CHILD), form, *map(str, limits)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=2 * CHILD_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise too_large() from error
    except subprocess.CalledProcessError as error:
        raise (too_large() if error.returncode == TOO_LARGE else unreadable()) from error
    return [json.loads(line) for line in done.stdout.splitlines()], len(done.stdout)


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Without the empty rows that spreadsheets keep at the end."""
    last = next((n for n in range(len(rows), 0, -1) if any(rows[n - 1])), 0)
    return rows[:last]


def _check_size(table: SheetTable) -> None:
    if len(table.rows) > MAX_ROWS:
        message = _("At most %(rows)d rows can be read at a time.") % {"rows": MAX_ROWS}
        raise Invalid("too_many_rows", message)
    if max(map(len, table.rows), default=0) > MAX_COLUMNS:
        message = _("At most %(columns)d columns can be read.") % {"columns": MAX_COLUMNS}
        raise Invalid("too_many_columns", message)
    for number, row in enumerate(table.rows, start=1):
        if any(len(cell) > MAX_CELL for cell in row):
            message = _("Row %(row)d has a cell of more than %(length)d characters.")
            raise Invalid("cell_too_long", message % {"row": number, "length": MAX_CELL})
        if any("\0" in cell for cell in row):
            message = _("Row %(row)d has an invalid character (NUL).")
            raise Invalid("bad_text", message % {"row": number})
