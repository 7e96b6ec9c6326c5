"""A reading that waits for a person, or failed, on the start of the administration."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.oneroster.models import OneRosterRun
from apps.oneroster.selectors import run_to_look_at
from apps.signin.registry import WAITING, StartPanel, add_start_panel


def _reading(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    run = run_to_look_at() if has_role(request, Role.ADMIN) else None
    if run is None:
        return None
    return {"run": run, "waits": run.status == OneRosterRun.Status.WAITING}


def add_panels() -> None:
    add_start_panel(
        StartPanel(
            name="oneroster", template="admin/start/oneroster.html", place=WAITING, look=_reading
        )
    )
