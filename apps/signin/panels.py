"""Students' devices on the start of the administration."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q
from django.http import HttpRequest

from apps.accounts.models import Device, Role, Student
from apps.accounts.permissions import roles_of
from apps.accounts.requests import request_user
from apps.signin.registry import DEVICES, StartPanel, add_start_panel

WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Devices:
    """Bound devices, those of the last seven days, students who asked for another one, and active
    students without any."""

    bound: int
    lately: int
    asked: int
    without: int


def devices(*, now: datetime) -> Devices:
    found = Device.objects.filter(is_active=True, student__is_active=True).aggregate(
        bound=Count("id"),
        lately=Count("id", filter=Q(bound_at__gte=now - WEEK)),
        asked=Count("id", filter=Q(rebind_requested_at__isnull=False)),
    )
    students = Student.objects.filter(is_active=True).count()
    return Devices(**found, without=max(students - found["bound"], 0))


def _devices(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    """Administrators find them among the tables: for operators they are the daily work."""
    if Role.OPERATOR not in roles_of(request_user(request)):
        return None
    return {"devices": devices(now=now)}


def add_panels() -> None:
    add_start_panel(
        StartPanel(
            name="devices", template="admin/start/devices.html", place=DEVICES, look=_devices
        )
    )
