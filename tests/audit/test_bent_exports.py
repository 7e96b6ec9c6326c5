"""Exports that somebody bent before they are checked, and rows that hide a changed entry."""

import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import BadEntry, Entry
from apps.audit.offline import UnreadableExport, roots_in
from apps.audit.services import SYSTEM, export_log, log_platform_event, put_aside, verify
from apps.audit.services.roots import public_key
from apps.audit.tasks import seal_entries
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.audit.test_roots import DAY, by_hand, campus, checked, exported, kept_roots

__all__ = ["campus"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
Rows = list[dict[str, Any]]


def more_after_the_end(rows: Rows) -> Rows:
    return [*rows, {**rows[-2], "position": 9}]


def two_ends(rows: Rows) -> Rows:
    return [*rows, rows[-1]]


def under_another_number(rows: Rows) -> Rows:
    """So that no root kept elsewhere is compared."""
    heading, *others = (row for row in rows if row["type"] != "root")
    for row in others:
        row.get("content", {})["campus"] = 999
    return [{**heading, "campus": 999}, *others]


def entries_of_another(rows: Rows) -> Rows:
    rows[-2]["content"]["campus"] = 999
    return rows


def under_another_name(rows: Rows) -> Rows:
    return [{**rows[0], "chain": "south"}, *rows[1:]]


def without_the_first_root(rows: Rows) -> Rows:
    return [rows[0], *rows[2:]]


@pytest.mark.parametrize(
    ("bend", "named"),
    [
        (more_after_the_end, "lines after its end"),
        (two_ends, "lines after its end"),
        (under_another_number, "none of the roots that were kept elsewhere"),
        (under_another_number, "it is not in the export"),
        (entries_of_another, "is of another chain"),
        (under_another_name, "its roots call it north"),
        (without_the_first_root, "the first roots are missing"),
    ],
)
def test_what_was_bent_is_named(
    campus: Campus,
    now: datetime,
    tmp_path: Path,
    settings: Any,
    bend: Callable[[Rows], Rows],
    named: str,
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    file = exported(campus, tmp_path / "log.jsonl", now)
    assert checked(file, folder) == []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in bend(rows)))
    assert any(named in problem for problem in checked(file, folder))


def test_a_whole_chain_left_out_is_named(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    log_platform_event(actor=SYSTEM, action="test.platform", now=now)
    seal_entries()
    folder = kept_roots(tmp_path / "roots", settings, now + 3 * DAY)
    file = tmp_path / "log.jsonl"
    file.write_text("".join(export_log(campus=None, now=now)))
    out = StringIO()
    options = {"offline": str(file), "public_key": public_key().hex(), "stdout": out}
    with pytest.raises(CommandError, match="1 problems"):
        call_command("verify_audit", roots=str(folder), **options)
    assert "north: it is not in the export" in out.getvalue()
    call_command("verify_audit", roots=str(folder / "@platform"), **options)


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "entry", "position": 1180591620717411303424, "entry": 1, "mac": "", '
        '"content": {"campus": 1}}',
        "[" * 100_000,
        '{"type": "end", "entries": 8, "entries": 8}',
    ],
)
def test_what_cannot_be_read_is_said_to_be_no_export(
    campus: Campus, now: datetime, tmp_path: Path, line: str
) -> None:
    file = exported(campus, tmp_path / "log.jsonl", now)
    file.write_text(file.read_text() + line)
    with pytest.raises(UnreadableExport):
        checked(file)


@pytest.mark.parametrize("fields", [{}, {"campus": 1, "day": 1, "position": "x"}])
def test_a_root_without_its_fields_is_none(tmp_path: Path, fields: dict[str, Any]) -> None:
    root = {"format": "campus-audit-root", "version": 1, **fields}
    (tmp_path / "root.json").write_text(json.dumps(root))
    with pytest.raises(UnreadableExport, match=r"root\.json is no root"):
        roots_in(tmp_path)


def test_a_row_beside_it_does_not_hide_a_changed_entry(campus: Campus, now: datetime) -> None:
    with campus_scope(campus):
        entry = Entry.objects.order_by("pk")[1]
        by_hand(campus, f"UPDATE audit_entry SET action = 'x' WHERE id = '{entry.pk}'")
        with signed_act("audit_bad_entry"):
            BadEntry.objects.create(entry=entry, found_at=now)
        assert f"entry {entry.pk} is put aside, and no entry says so" in verify().problems
    by_hand(campus, "DELETE FROM audit_bad_entry")
    with campus_scope(campus):
        put_aside(entries=[entry], now=now)
        assert verify().holds
