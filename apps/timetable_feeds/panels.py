"""Readings that wait for a person, or failed, on the start of the administration."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.signin.registry import WAITING, StartPanel, add_start_panel
from apps.timetable_feeds.selectors import runs_to_look_at


def _readings(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    runs = runs_to_look_at() if has_role(request, Role.ADMIN) else []
    return {"runs": runs} if runs else None


def add_panels() -> None:
    add_start_panel(
        StartPanel(
            name="timetable_feeds",
            template="admin/start/timetable_feeds.html",
            place=WAITING,
            look=_readings,
        )
    )
