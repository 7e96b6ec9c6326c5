"""The stage of imports: an object that services are given, over a table that nobody else names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from apps.enrollments.models import Subject
from apps.tenants.bulk import STAGE_TABLE, WORK, Stage, UpsertCounts, stage_open
from tests.factories import Cast

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 9, 7, 9, 0, tzinfo=UTC)
COLUMNS = {"code": "text", "name": "text", **WORK}


@pytest.fixture
def stage(in_campus: Cast) -> Iterator[Stage]:
    rows = [(0, "S1", "One"), (1, "S2", None), (2, "S3", "Three")]
    with stage_open(COLUMNS, ["code", "name"], rows) as opened:
        yield opened


def exists(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"pg_temp.{table}"])
        return bool(cursor.fetchone()[0])


def test_only_the_stage_and_its_guard_know_the_name_of_the_table() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "apps").rglob("*.py")
        if STAGE_TABLE in path.read_text() and "migrations" not in path.parts
    }
    assert naming == {"apps/tenants/bulk.py", "apps/tenants/guards.py"}


def test_statements_name_the_stage_and_get_its_rows(stage: Stage) -> None:
    assert stage.rows("SELECT n, code, name FROM {stage} ORDER BY n") == [
        (0, "S1", "One"),
        (1, "S2", None),
        (2, "S3", "Three"),
    ]
    assert stage.execute("UPDATE {stage} SET name = 'Two' WHERE name IS NULL") == 1
    assert stage.numbers("SELECT n FROM {stage} WHERE name = %s", ["Two"]) == [1]


def test_discarded_rows_are_not_saved(stage: Stage) -> None:
    stage.discard_rows(n for n in (0, 2))
    assert stage.rows("SELECT code FROM {stage}") == [("S2",)]


def test_an_upsert_counts_what_it_did_and_fills_in_the_ids(stage: Stage) -> None:
    known = Subject.objects.create(code="S1", name="One")
    other = Subject.objects.create(code="S3", name="Old")
    stage.execute("UPDATE {stage} s SET id = t.id FROM enrollments_subject t WHERE t.code = s.code")
    counts = stage.upsert(
        Subject,
        insert={
            "code": "s.code",
            "name": "coalesce(s.name, s.code)",
            "mnemonic": "''",
            "kind": "'theory'",
            "credits": "3",
            "is_active": "true",
        },
        update={"name": "s.name"},
        now=NOW,
    )
    assert counts == UpsertCounts(new=1, changed=1, unchanged=1)
    other.refresh_from_db()
    assert other.name == "Three"
    new = Subject.objects.get(code="S2")
    ids = stage.numbers("SELECT id FROM {stage} ORDER BY n")
    assert ids == [known.pk, new.pk, other.pk]


def test_the_table_ends_with_the_block(in_campus: Cast) -> None:
    with stage_open(COLUMNS, ["code"], [(0, "S1")]) as stage:
        assert exists(stage.table)
    assert not exists(stage.table)
