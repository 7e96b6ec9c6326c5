"""The campus's panels on the start of the administration: today, and what waits for an answer."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.reports.selectors.start import today, waiting_requests
from apps.signin.registry import FIGURES, WAITING, StartPanel, add_start_panel
from apps.tenants.middleware import request_campus


def _today(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    if not has_role(request, Role.ADMIN, Role.PRINCIPAL):
        return None
    return {"today": today(now=now, zone=request_campus(request).zone)}


def _requests(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    if not has_role(request, Role.ADMIN, Role.PRINCIPAL):
        return None
    erasures = has_role(request, Role.ADMIN)
    return {"waiting": waiting_requests(with_erasures=erasures), "with_erasures": erasures}


def add_panels() -> None:
    add_start_panel(
        StartPanel(name="today", template="admin/start/today.html", place=FIGURES, look=_today)
    )
    add_start_panel(
        StartPanel(
            name="requests", template="admin/start/requests.html", place=WAITING, look=_requests
        )
    )
