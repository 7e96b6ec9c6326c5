"""An export that failed, on the start of the administration, until another one is written."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.register_exports.selectors import failed_last
from apps.signin.registry import WAITING, StartPanel, add_start_panel


def _failed(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    export = failed_last() if has_role(request, Role.ADMIN) else None
    return None if export is None else {"export": export}


def add_panels() -> None:
    add_start_panel(
        StartPanel(
            name="register_exports",
            template="admin/start/register_exports.html",
            place=WAITING,
            look=_failed,
        )
    )
