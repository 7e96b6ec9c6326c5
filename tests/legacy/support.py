"""Old databases as their guides and code made them, and a move in a line."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.audit.services import SYSTEM
from apps.legacy.services import legacy_import
from apps.old_databases import source_open
from apps.reconciliation.report import Report, TableReport
from apps.tenants.scope import campus_scope
from tests.factories import Cast

NOW = datetime(2026, 9, 7, 9, 0, tzinfo=UTC)


def sqlite_file(path: Path, schema: str, **tables: Sequence[Sequence[Any]]) -> Path:
    """A SQLite database with these rows, in the order of the schema's columns."""
    with sqlite3.connect(path) as connection:
        connection.executescript(schema)
        for name, rows in tables.items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f'INSERT INTO "{name}" VALUES ({marks})', row)
    connection.close()
    return path


def json_file(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content, indent=2))
    return path


def text_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def move(cast: Cast, system: str, source: Path, *, dry: bool = False, **options: Any) -> Report:
    folder = options.pop("folder", None)
    with source_open(source, folder=folder) as old, campus_scope(cast.campus):
        return legacy_import(
            system=system,
            old=old,
            now=options.pop("now", NOW),
            actor=SYSTEM,
            dry=dry,
            **options,
        )


def table(report: Report, name: str) -> TableReport:
    return next(found for found in report.tables if found.name == name)


def counts(report: Report, name: str) -> tuple[int, int, int, int, int, int]:
    """read, new, changed, unchanged, merged, left out."""
    found = table(report, name)
    left = found.left_out.total()
    return found.read, found.new, found.changed, found.unchanged, found.merged, left


def reasons(report: Report, name: str) -> dict[str, int]:
    return dict(table(report, name).left_out)


def assert_reconciled(report: Report) -> None:
    """Every row is in one count, and every difference is explained."""
    assert {found.name: found.unexplained for found in report.tables if found.unexplained} == {}
    unexplained = [p for c in report.comparisons for p in c.differing if not p.reason]
    assert unexplained == []
    assert report.unexplained == 0
