"""Putting messages into the outbox. Sending them is a worker's business (`delivery.py`)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from apps.audit.services import Actor, log_event
from apps.notifications.addresses import contacts, phone_numbers
from apps.notifications.channels import configured
from apps.notifications.message_types import message_type_of
from apps.notifications.models import Channel, Delivery, Status
from apps.notifications.recipients import contact_deliveries_add, deliveries_add, message_add
from apps.notifications.selectors import campus_messages
from apps.notifications.texts import TEXTS, Text
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

DELIVER_TASK: Final = "apps.notifications.tasks.deliver"
SHOWN_NAMES: Final = 3


def notify(
    *,
    kind: str,
    user_ids: Collection[int],
    title: str = "",
    body: str = "",
    text: str = "",
    data: dict[str, Any] | None = None,
    now: datetime,
    key: str,
    sender_id: int | None = None,
) -> int:
    """Tell these people something, in the caller's transaction; returns how many will hear it.

    What it says is the entry `text` of `texts.TEXTS`, that of the kind by default, with `%(name)s`
    replaced by `data["name"]` in each reader's language. `title` (1–255 characters) and `body`
    replace it: message ids marked with `gettext_noop`, or for `verbatim` types what a person
    wrote. `data` holds JSON values and goes to the apps on the phones. Raises `KeyError` for a
    text that is not in the table.

    `key` (at most 190 characters) names the occasion, "session_cancelled:17" say: the second call
    with the same key on this campus adds nothing and returns 0. Everybody gets the message in
    their inbox at once; the other channels follow each person's choice, are sent by a worker
    after the commit, and are left out where they are not configured. Types `for_contacts` also go
    to the people's guardians and advisers where the campus wants that; they are not counted.
    """
    found = None if title else TEXTS[text or kind]
    if found:
        title, body = found.title, found.body
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
        message_type=message_type_of(kind),
        open_channels=open_channels,
        now=now,
    )
    wake(channels=added.keys() - {Channel.INBOX})
    if found and message_type_of(kind).for_contacts:
        _notify_contacts(found, values, user_ids, now)
    return added.get(Channel.INBOX, 0)


def _notify_contacts(
    text: Text, values: dict[str, Any], user_ids: Collection[int], now: datetime
) -> None:
    """A message of its own, because it speaks of the student, to those who agreed to hear it."""
    if not campus_messages().tells_contacts:
        return
    known = contacts(user_ids)
    if not known:
        return
    # Each e-mail names its own student; this is what lists of messages show.
    names = ", ".join(sorted({contact.student for contact in known})[:SHOWN_NAMES])
    message_id = message_add(
        values={
            **values,
            "key": f"{values['key']}:contacts",
            "title": text.contact_title,
            "body": text.contact_body,
            "data": {**values["data"], "student": names},
        },
        now=now,
    )
    if message_id is not None:
        wake(
            channels=contact_deliveries_add(
                message_id=message_id, contacts=known, open_channels=configured(), now=now
            )
        )


def wake(*, channels: Collection[str]) -> None:
    """Have a worker send what is due on these channels of the entered campus, after the commit."""
    for name in sorted(channels):
        enqueue(DELIVER_TASK, current_campus_id(), name)


@transaction.atomic
def retry_dead(*, deliveries: QuerySet[Delivery], now: datetime, actor: Actor) -> int:
    """Give deliveries that were given up a new set of tries; returns how many."""
    chosen = Delivery.objects.filter(pk__in=deliveries.order_by().values("pk"), status=Status.DEAD)
    found = dict(chosen.order_by().values_list("pk", "channel"))
    changed = Delivery.objects.filter(pk__in=found, status=Status.DEAD).update(
        status=Status.WAITING, attempts=0, next_try_at=now, error=""
    )
    if changed:
        log_event(
            actor=actor,
            action="notification.retried",
            now=now,
            data={"deliveries": [str(pk) for pk in sorted(found)[:100]], "count": changed},
        )
        wake(channels=set(found.values()))
    return changed
