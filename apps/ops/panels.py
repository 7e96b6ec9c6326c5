"""A new campus's first steps, and the platform's health in words, on the administration's start."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from apps.accounts.models import Role
from apps.accounts.requests import has_role
from apps.ops.diagnosis import OK, Look, diagnose, label_of, worst
from apps.ops.first_hour.checklist import first_steps, may_see_first_steps
from apps.signin.registry import CHECKLIST, PLATFORM, StartPanel, add_start_panel
from apps.tenants.middleware import request_campus

# What stops people's work, and takes milliseconds to look at. Backups are an app's above this one.
LOOKED_AT: Final = (
    *("database", "valkey", "disk", "workers", "beat", "queues", "providers"),
    "backups",
)


def _first_steps(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    """Until somebody hid it for all administrators of the campus."""
    if not may_see_first_steps(request) or not request_campus(request).shows_first_steps:
        return None
    steps = first_steps()
    return {
        "steps": steps,
        "done": sum(step.is_done for step in steps),
        "may_see_domains": request.user.is_superuser,
    }


def _health(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    """What exactly is wrong stands on the portal's page of the health."""
    if not has_role(request, Role.ADMIN, Role.OPERATOR):
        return None
    found = diagnose(Look(now=now), names=LOOKED_AT, quick=True)
    wrong = dict.fromkeys(str(label_of(one.check)) for one in found if one.level != OK)
    return {
        "level": worst(found),
        "wrong": list(wrong),
        "may_see_look": may_see_first_steps(request),
    }


def add_panels() -> None:
    add_start_panel(
        StartPanel(
            name="first_steps",
            template="admin/start/first_steps.html",
            place=CHECKLIST,
            look=_first_steps,
        )
    )
    add_start_panel(
        StartPanel(
            name="health",
            template="admin/start/health.html",
            place=PLATFORM,
            look=_health,
            needs_campus=False,
        )
    )
