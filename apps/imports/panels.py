"""The latest uploads on the start of the administration."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.import_types.registry import IMPORT_TYPES
from apps.imports.models import ImportRun
from apps.imports.selectors import state_of
from apps.signin.registry import WORK, StartPanel, add_start_panel

IMPORTS_SHOWN: Final = 4


@dataclass(frozen=True, kw_only=True)
class ImportLine:
    """An upload. `wrong`: rows with errors; None until it was read."""

    run: ImportRun
    kind: str
    state: str
    wrong: int | None


def latest_imports() -> list[ImportLine]:
    runs = ImportRun.objects.select_related("job").order_by("-created_at")[:IMPORTS_SHOWN]
    return [
        ImportLine(
            run=run,
            kind=str(IMPORT_TYPES[run.kind].label if run.kind in IMPORT_TYPES else run.kind),
            state=state_of(run),
            wrong=run.result.get("wrong") if run.result else None,
        )
        for run in runs
    ]


def _imports(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    if not has_role(request, Role.ADMIN, Role.OPERATOR):
        return None
    return {"imports": latest_imports()}


def add_panels() -> None:
    add_start_panel(
        StartPanel(name="imports", template="admin/start/imports.html", place=WORK, look=_imports)
    )
