"""Uploaded bytes to tables of text, through a bounded child process."""

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.tabular_files.archive import (
    check_workbook,
    open_checked,
    too_large,
    unpacked,
    unreadable,
)
from apps.tabular_files.delimiters import NAMES as DELIMITERS
from apps.tabular_files.delimiters import IsHeading, delimiter_of
from apps.tabular_files.encodings import decoded
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
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.tables import SheetTable

TOO_LARGE: Final = 3  # the status of a child whose answer would be too large
CHILD: Final = Path(__file__).with_name("child.py")
ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0"  # .xls, and encrypted workbooks


def read_tables(
    data: bytes, answers: FileAnswers | None = None, *, is_heading: IsHeading | None = None
) -> list[SheetTable]:
    """Every sheet that holds anything, within the limits. Raises `Invalid` with what to do.

    What the file is, is decided by its content, never by its name; `is_heading` helps to find what
    parts its cells. Questions go to `answers`; without, a file that leaves any open is refused.
    """
    asked = answers or FileAnswers()
    form = form_of(data)
    if form == "xlsx":
        check_workbook(data)
    else:
        body = decoded({"": data}, asked)[""]
        form, body = delimiter_of(body, is_heading or (lambda cell: False), asked)
        data = body.encode()
    if answers is None:
        asked.refuse_open()
    sheets, _size = _parsed(data, form, MAX_ANSWER)
    tables = [_table(sheet["name"], sheet) for sheet in sheets]
    tables = [table for table in tables if table.rows]
    if not tables:
        raise Invalid("file_empty", _("There is nothing in this file."))
    for table in tables:
        _check_size(table)
    return tables


def read_bundle_tables(data: bytes, answers: FileAnswers | None = None) -> list[SheetTable]:
    """Every CSV file of a zip archive, named without its folder and ending. Raises `Invalid`.

    Their first rows are their headings, which also show what parts the cells.
    """
    if form_of(data) != "xlsx":  # a zip, as far as its first bytes say
        raise Invalid("file_unreadable", _("A zip archive of CSV files is expected."))
    asked = answers or FileAnswers()
    tables, left = [], MAX_ANSWER
    with open_checked(data) as archive:
        names = [name for name in archive.namelist() if _is_table(name)]
        bodies = {name: unpacked(archive, name) for name in names[:MAX_SHEETS]}
    texts = decoded(bodies, asked)
    if answers is None:
        asked.refuse_open()
    for name, text in texts.items():
        headings = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=headings.count)
        sheets, size = _parsed(text.encode(), delimiter, left)
        left -= size
        tables += [_table(PurePosixPath(name).stem, sheet) for sheet in sheets]
    for table in tables:
        _check_size(table)
    return [table for table in tables if table.rows]


def _is_table(name: str) -> bool:
    """Not what macOS packs beside each file: `__MACOSX/._users.csv`."""
    parts = PurePosixPath(name).parts
    hidden = any(part == "__MACOSX" or part.startswith("._") for part in parts)
    return name.lower().endswith(".csv") and not hidden


def _table(name: str, sheet: dict[str, Any]) -> SheetTable:
    return SheetTable(
        name, _trimmed(sheet["rows"]), cleaned=sheet["cleaned"], padded=sheet.get("padded", 0)
    )


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
