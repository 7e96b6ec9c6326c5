"""Rows and calls that the tests of messages share."""

from datetime import datetime, timedelta
from typing import Any

from apps.notifications.models import Delivery, PushToken
from apps.notifications.services import notify
from apps.notifications.services.delivery import deliver_due
from apps.tenants.models import Campus

FIREBASE_TOKEN = "fcm-token-of-{}"


def tell(*users: Any, now: datetime, **changes: Any) -> int:
    """A message of kind "attendance_warning" to these users."""
    values = {
        "kind": "attendance_warning",
        "title": "Your attendance is low",
        "body": "CS201: 68 %",
        "key": "warning:1",
        **changes,
    }
    return notify(user_ids=[user.pk for user in users], now=now, **values)


def phone(user: Any, device_type: str = "android", token: str = "") -> PushToken:
    return PushToken.objects.create(
        user=user, device_type=device_type, token=token or FIREBASE_TOKEN.format(user.pk)
    )


def deliver(campus: Campus, name: str, now: datetime) -> int:
    return deliver_due(
        campus_id=campus.pk, name=name, clock=lambda: now, until=now + timedelta(minutes=1)
    )


def states(channel: str) -> list[tuple[int, str]]:
    """(recipient, status) of every delivery on the channel."""
    rows = Delivery.objects.filter(channel=channel).order_by("user_id", "device_type")
    return list(rows.values_list("user_id", "status"))
