"""Files of an export: a table as CSV or Parquet, events as JSON lines. Each is written to a
temporary file, a batch of rows in memory, and read once more for its checksum."""

import csv
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from apps.common.formulas import neutral
from apps.register_exports.selectors import (
    BATCH,
    DAY,
    FLAG,
    INTEGER,
    MOMENT,
    Pseudonyms,
    Row,
    TableColumn,
)

CHUNK: Final = 1 << 20  # bytes
DESCRIPTOR: Final = "uri://ed-fi.org/AttendanceEventCategoryDescriptor#"
# Ed-Fi's own values of this descriptor.
CATEGORIES: Final = {
    "present": "In Attendance",
    "late": "Tardy",
    "absent": "Unexcused Absence",
    "excused": "Excused Absence",
    "invalid": "Unexcused Absence",
}


def has_parquet() -> bool:
    """Whether the optional library is installed (extra `parquet`)."""
    return importlib.util.find_spec("pyarrow") is not None


def write_csv(path: Path, columns: Sequence[TableColumn], rows: Iterable[Row]) -> int:
    """UTF-8, a heading, moments in UTC; returns how many rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for row in rows:
            writer.writerow([_cell(value) for value in row])
            count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    return value.isoformat() if isinstance(value, date) else neutral(str(value))


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write_parquet(path: Path, columns: Sequence[TableColumn], rows: Iterable[Row]) -> int:
    import pyarrow  # 100 MB, only where Parquet is written
    from pyarrow import parquet

    kinds = {
        INTEGER: pyarrow.int64(),
        DAY: pyarrow.date32(),
        MOMENT: pyarrow.timestamp("us", tz="UTC"),
        FLAG: pyarrow.bool_(),
    }
    fields = [(column.name, kinds.get(column.kind, pyarrow.string())) for column in columns]
    schema = pyarrow.schema(fields)
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        left = iter(rows)
        while batch := list(islice(left, BATCH)):
            values = [list(column) for column in zip(*batch, strict=True)]
            writer.write_table(pyarrow.table(values, schema=schema))
            count += len(batch)
    return count


def write_lines(path: Path, objects: Iterable[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for one in objects:
            file.write(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def section_events(
    marks: Iterable[Mapping[str, Any]], gone: Iterable[str], *, school: int, known: Pseudonyms
) -> Iterator[dict[str, Any]]:
    """Ed-Fi's StudentSectionAttendanceEvent of each mark, and the marks that are gone.

    A correction has the number of the mark that it corrects: the category is part of an event's
    identity there, so that the earlier one is to be deleted.
    """
    for key in gone:
        yield {"operation": "delete", "mark": int(key)}
    for mark in marks:
        event = {
            "studentReference": {"studentUniqueId": known.of(mark["person"])},
            "sectionReference": {
                "localCourseCode": mark["course_code"],
                "schoolId": school,
                "schoolYear": int(mark["year"].rpartition("-")[2]),
                "sectionIdentifier": mark["section"],
                "sessionName": mark["term"],
            },
            "eventDate": mark["day"].isoformat(),
            "attendanceEventCategoryDescriptor": DESCRIPTOR + CATEGORIES[mark["status"]],
        }
        if mark["label_name"]:
            event["attendanceEventReason"] = mark["label_name"]
        yield {"operation": "upsert", "mark": mark["pk"], "resource": event}


def facts_of(path: Path) -> dict[str, Any]:
    """Size and checksum."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return {"bytes": size, "sha256": digest.hexdigest()}
