"""What the planner knows of rosters that were filled a moment ago."""

from typing import Any

import pytest
from django.db import connection

from apps.imports.services.apply import ANALYZE_TASK, MANY
from apps.imports.tasks import analyze_rosters
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.support import do_import

pytestmark = pytest.mark.django_db


def rows(number: int) -> list[list[Any]]:
    people = [[f"Z{n:03}", f"Student {n}", f"z{n}@north.example"] for n in range(number)]
    return [["id", "name", "email"], *people]


def rows_that_the_planner_knows(table: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [table])
        return float(cursor.fetchone()[0])


def tasks_of(
    cast: Cast, number: int, *, dry: bool, monkeypatch: pytest.MonkeyPatch, capture: Any
) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr("apps.tenants.tasks._send", lambda name, *_rest: sent.append(name))
    with capture(execute=True):
        do_import(cast, "students", rows(number), dry=dry)
    return sent


def test_a_large_import_tells_the_planner(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def tasks(number: int, *, dry: bool = False) -> list[str]:
        return tasks_of(
            cast,
            number,
            dry=dry,
            monkeypatch=monkeypatch,
            capture=django_capture_on_commit_callbacks,
        )

    assert ANALYZE_TASK not in tasks(MANY, dry=True)
    assert ANALYZE_TASK not in tasks(MANY - 1)
    assert ANALYZE_TASK in tasks(2 * MANY)
    assert ANALYZE_TASK not in tasks(2 * MANY), "nothing has changed"


def test_the_planner_knows_every_row(cast: Cast) -> None:
    do_import(cast, "students", rows(2 * MANY))
    with campus_scope(cast.campus):
        analyze_rosters()
    for table in ("accounts_student", "accounts_user", "accounts_membership", "search_entry"):
        assert rows_that_the_planner_knows(table) >= 2 * MANY
