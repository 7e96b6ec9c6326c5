"""Putting messages into the outbox. Sending them is a worker's business (`delivery.py`)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from apps.audit.services import Actor, record
from apps.notifications.addresses import phone_numbers
from apps.notifications.channels import configured
from apps.notifications.fan_out import deliveries_add, message_add
from apps.notifications.kinds import kind_of
from apps.notifications.models import Channel, Delivery, Status
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

DELIVER_TASK: Final = "apps.notifications.tasks.deliver"


def notify(
    *,
    kind: str,
    user_ids: Collection[int],
    title: str,
    body: str,
    data: dict[str, Any] | None = None,
    now: datetime,
    key: str,
    sender_id: int | None = None,
) -> int:
    """Tell these people something, in the caller's transaction; returns how many will hear it.

    Title (1–255 characters) and body are message ids of the translations, marked with
    `gettext_noop`: each person reads them in their own language, with `%(name)s` replaced by
    `data["name"]`. Kinds that are `verbatim` are passed on as they are. `data` holds JSON values
    and goes to the apps on the phones.

    `key` (at most 200 characters) names the occasion, "session_cancelled:17" say: the second call
    with the same key on this campus adds nothing and returns 0. Everybody gets the message in
    their inbox at once; the other channels follow each person's choice, are sent by a worker
    after the commit, and are left out where they are not configured.
    """
    values = {
        "key": key,
        "kind": kind,
        "title": title,
        "body": body,
        "data": data or {},
        "sender_id": sender_id,
    }
    message_id = message_add(values=values, now=now)
    if message_id is None:
        return 0
    open_channels = configured()
    added = deliveries_add(
        message_id=message_id,
        user_ids=user_ids,
        phone_owners=phone_numbers(user_ids) if Channel.SMS in open_channels else (),
        kind=kind,
        usual=kind_of(kind).usual,
        open_channels=open_channels,
        now=now,
    )
    wake(channels=added.keys() - {Channel.INBOX})
    return added.get(Channel.INBOX, 0)


def wake(*, channels: Collection[str]) -> None:
    """Have a worker send what is due on these channels of the entered campus, after the commit."""
    for name in sorted(channels):
        enqueue(DELIVER_TASK, current_campus_id(), name)


def retry_dead(*, deliveries: QuerySet[Delivery], now: datetime, actor: Actor) -> int:
    """Give deliveries that were given up a new set of tries; returns how many."""
    chosen = Delivery.objects.filter(pk__in=deliveries.order_by().values("pk"), status=Status.DEAD)
    found = dict(chosen.order_by().values_list("pk", "channel"))
    changed = Delivery.objects.filter(pk__in=found, status=Status.DEAD).update(
        status=Status.WAITING, attempts=0, next_try_at=now, error=""
    )
    if changed:
        record(
            actor=actor,
            action="notification.retried",
            now=now,
            data={"deliveries": sorted(found)[:100], "count": changed},
        )
        wake(channels=set(found.values()))
    return changed
