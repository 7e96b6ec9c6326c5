"""Messages to people about their account, put into the outbox with the change itself.

Letters with a link to choose a password are not among them: allauth sends those at once, because
who asks for one cannot sign in and is waiting for it.
"""

from datetime import datetime

from apps.accounts.models import Device, User
from apps.notifications.services import notify


def device_changed(*, device: Device, is_replaced: bool, now: datetime) -> int:
    """`device` was released by the office or, `is_replaced`, bound in place of another one."""
    user_id = device.student.user_id
    if user_id is None:
        return 0
    return notify(
        kind="device_reset",
        text="device_replaced" if is_replaced else "device_reset",
        user_ids=[user_id],
        data={"device": str(device)},
        now=now,
        key=f"device_changed:{device.pk}:{'bound' if is_replaced else 'released'}",
    )


def rebind_requested(*, device: Device, free_at: str, now: datetime) -> int:
    """Another device was asked for; the owner has until `free_at` (for people) to object."""
    user_id = device.student.user_id
    if user_id is None:
        return 0
    return notify(
        kind="device_reset",
        text="device_rebind_requested",
        user_ids=[user_id],
        data={"device": str(device), "when": free_at},
        now=now,
        key=f"device_rebind:{device.pk}:{now.isoformat()}",
    )


def password_changed(*, user: User, now: datetime) -> int:
    return notify(
        kind="account_security",
        text="password_changed",
        user_ids=[user.pk],
        now=now,
        key=f"password_changed:{user.pk}:{now.isoformat()}",
    )
