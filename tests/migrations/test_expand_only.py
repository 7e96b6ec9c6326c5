"""A migration after a release leaves a schema on which that release still runs.

Columns and tables are added first, and dropped, renamed or made stricter a release later, when no
process knows them any more. What has to be otherwise is named here with the reason, and in the
changelog as an upgrade that needs the maintenance page.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.db import models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

from tests.ops.running import ROOT

NEEDS_A_STOP: Final[dict[str, str]] = {}
BREAKING: Final = (
    ops.DeleteModel,
    ops.RemoveField,
    ops.RenameField,
    ops.RenameModel,
    ops.AlterModelTable,
)


def since_release() -> Iterator[tuple[str, Any]]:
    releases = json.loads((ROOT / "tests/migrations/releases.json").read_text())
    last: dict[str, str] = list(releases.values())[-1]
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        is_ours = type(migration).__module__.startswith("apps.")
        if is_ours and name > last.get(app, "") and migration.initial is not True:
            yield f"{app}.{name}", migration


def breaks(operation: Any) -> str:
    """Why the version before could not go on; "" where it can."""
    if isinstance(operation, BREAKING):
        return type(operation).__name__
    if isinstance(operation, ops.AddField):
        field: models.Field[Any, Any] = operation.field
        fills = field.null or field.many_to_many or field.db_default is not NOT_PROVIDED
        return "" if fills else f"{operation.name} has neither NULL nor a default in the database"
    if isinstance(operation, ops.SeparateDatabaseAndState):
        return next(filter(None, map(breaks, operation.database_operations)), "")
    return ""


def test_the_release_before_runs_on_todays_schema() -> None:
    found = {
        f"{name}: {why}"
        for name, migration in since_release()
        for why in map(breaks, migration.operations)
        if why and name not in NEEDS_A_STOP
    }
    assert found == set()


def test_what_would_break_it_is_found() -> None:
    text = models.TextField()
    assert breaks(ops.RemoveField("student", "name"))
    assert breaks(ops.RenameField("student", "name", "title"))
    assert breaks(ops.AddField("student", "nick", text))
    assert not breaks(ops.AddField("student", "nick", models.TextField(null=True)))
    assert not breaks(ops.AddField("student", "nick", models.TextField(db_default="")))
    inner = ops.SeparateDatabaseAndState(database_operations=[ops.DeleteModel("student")])
    assert breaks(inner)
