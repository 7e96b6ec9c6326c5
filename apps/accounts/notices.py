"""Messages to people about their account, put into the outbox with the change itself."""

from datetime import datetime
from typing import Any

from apps.accounts.models import Device, User
from apps.notifications.services import notify
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


def device_changed(
    *, device: Device, is_replaced: bool, now: datetime, passkey: bool = False
) -> int:
    """`device` was released by the office or, `is_replaced`, bound in place of another one.

    `passkey`: at once, by a passkey of the account.
    """
    user_id = device.student.user_id
    if user_id is None:
        return 0
    bound = "device_replaced_by_passkey" if passkey else "device_replaced"
    text = bound if is_replaced else "device_reset"
    return notify(
        kind="device_reset",
        text=text,
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


def account_notice(*, user: User, text: str, data: dict[str, Any], now: datetime) -> int:
    """A change of how the account is signed in to, in the words of that text."""
    return notify(
        kind="account_security",
        text=text,
        user_ids=[user.pk],
        data=data,
        now=now,
        key=f"{text}:{user.pk}:{now.isoformat()}",
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
