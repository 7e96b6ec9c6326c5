"""The tables of a campus, read from the database itself, so that no new one can be forgotten.

Every statement here and beside names the campus: row level security does not hold for the owner in
tables that are written by triggers alone.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any, Final

from django.db import connection

from apps.accounts.models import Member, Membership, User
from apps.attendance.models import AttendanceRecord, AttendanceSummary, CustomStatus
from apps.biometrics.models import FaceModel, StoredImage
from apps.checkin.models import OnlineMinute
from apps.common.rows import table_name
from apps.leave.models import Attachment
from apps.notifications.models import PushToken
from apps.privacy.models import ErasureRequest
from apps.qr_otp.models import OneTimeCode, Tries
from apps.tenants import schema
from apps.tenants.models import Campus
from apps.tenants.moving import Row, moved_rows
from apps.tenants.operations import POLICY
from apps.tenants.scope import current_campus_id
from apps.timetable.models import CalendarLink

# Rows of a campus that another installation could do nothing with.
STAYS: Final[dict[str, str]] = {
    table_name(CalendarLink): "addresses of calendars name the installation: people make new ones",
    table_name(OneTimeCode): "codes of five minutes",
    table_name(Tries): "wrong codes of the last minutes",
    table_name(OnlineMinute): "the minutes in which phones were heard from, kept for a day",
    table_name(PushToken): "made for the push keys of the installation: phones send new ones",
    "search_entry": "written by triggers",
}
# Triggers fill these from rows of others, without a foreign key that says so.
_AFTER: Final = {
    table_name(AttendanceSummary): table_name(AttendanceRecord),
    table_name(Member): table_name(Membership),
}
ACCOUNTS: Final = table_name(User)
MODELS: Final = table_name(FaceModel)
LABELS: Final = table_name(CustomStatus)
IMAGES: Final = table_name(StoredImage)
# Ids that are not kept: of what the installation shares, or unique beyond the campus.
REPLACED: Final = (ACCOUNTS, MODELS, LABELS, IMAGES)
# Accounts that no foreign key names.
_ALSO_ACCOUNTS: Final = {(table_name(ErasureRequest), "account_id")}
# Who acted, as the audit log names them (`user:17`).
ACTORS: Final = ("actor_id", "decided_by_id", "asked_by_id", "approved_by_id")
KEYS: Final = {IMAGES, table_name(Attachment)}  # storage keys that contain the campus's id

_TABLES: Final = """
    SELECT c.relname, a.attname, a.attgenerated <> '' OR false,
        EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
            AND t.tgname <> 'stamp_updated_at' AND t.tgname NOT LIKE 'search_%%')
    FROM pg_class c
    JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = %s
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum
"""
_REFERENCES: Final = """
    SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, (
        SELECT own.attname FROM unnest(k.conkey, k.confkey) AS pair (here, there)
        JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = pair.here
        JOIN pg_attribute id ON id.attrelid = k.confrelid AND id.attnum = pair.there
        WHERE id.attname = 'id')
    FROM pg_constraint k
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
        AND k.confrelid <> %s::regclass
"""


@dataclass(kw_only=True)
class Table:
    """A table of a campus. `refers`: column → table, for ids that are not kept.

    `is_followed`: triggers write when its rows are inserted. `sealed`: columns that differ after
    the move.
    """

    name: str
    columns: list[str] = field(default_factory=list)
    generated: set[str] = field(default_factory=set)
    refers: dict[str, str] = field(default_factory=dict)
    after: set[str] = field(default_factory=set)
    is_followed: bool = False
    sealed: tuple[str, ...] = ()

    def written(self) -> list[str]:
        return [column for column in self.columns if column not in self.generated]


def campus_tables() -> dict[str, Table]:
    """By name, each after those that it refers to; also those that stay."""
    found: dict[str, Table] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [POLICY])
        for name, column, is_generated, is_followed in cursor.fetchall():
            table = found.setdefault(name, Table(name=name, is_followed=is_followed))
            table.columns.append(column)
            if is_generated:
                table.generated.add(column)
        cursor.execute(_REFERENCES, [table_name(Campus)])
        for name, target, column in cursor.fetchall():
            _refer(found, name, target, column)
    for name, source in _AFTER.items():
        found[name].after.add(source)
    for name, column in _ALSO_ACCOUNTS:
        found[name].refers[column] = ACCOUNTS
    for rows in moved_rows().values():
        found[rows.table].sealed = rows.columns
    order = TopologicalSorter({name: table.after for name, table in found.items()})
    return {name: found[name] for name in order.static_order()}


def _refer(found: dict[str, Table], name: str, target: str, column: str | None) -> None:
    if name not in found:
        return
    if target in REPLACED and column:
        found[name].refers[column] = target
    if target in found and target != name:
        found[name].after.add(target)


def moving_tables() -> dict[str, Table]:
    return {name: table for name, table in campus_tables().items() if name not in STAYS}


def schema_fingerprint() -> str:
    """Of the schema that this version of the platform has: SHA-256, hexadecimal."""
    return hashlib.sha256("\n".join(schema.expected()).encode()).hexdigest()


def read_rows(table: str) -> Iterator[Row]:
    """Rows of the entered campus as JSON, without the campus, in the order of their ids."""
    statement = (
        f"SELECT to_jsonb(t) - 'campus_id' FROM \"{table}\" t "  # noqa: S608  (of the catalogue)
        "WHERE campus_id = %s ORDER BY id"
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [current_campus_id()])
        for (row,) in cursor:
            yield row if isinstance(row, dict) else json.loads(row)


class Tally:
    """Counts rows and sums their SHA-256, so that their order does not matter."""

    def __init__(self, table: Table) -> None:
        self._left_out = {"campus_id", *table.sealed}
        self.rows = 0
        self._sum = 0

    def add(self, row: Row) -> None:
        kept = {name: value for name, value in row.items() if name not in self._left_out}
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
        self.rows += 1
        self._sum += int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")

    def as_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "checksum": f"{self._sum % 2**128:032x}"}
