"""Messages to people about their account, put into the outbox with the change itself.

Letters with a link to choose a password are not among them: allauth sends those at once, because
who asks for one cannot sign in and is waiting for it.
"""

from datetime import datetime

from apps.accounts.models import Device, User
from apps.notifications.services import notify
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


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


def invited(*, user_ids: list[int], key: str, now: datetime) -> int:
    """The entered campus asks these accounts to join; each reads the link of its own address."""
    campus = Campus.objects.values_list("name", flat=True).get(pk=current_campus_id())
    return notify(
        kind="invitation",
        user_ids=user_ids,
        data={"campus": campus},
        now=now,
        key=f"invitation:{key}",
    )
