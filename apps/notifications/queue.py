"""The two statements of the delivery loop: taking a batch that is due, and settling it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection

from apps.notifications.models import Delivery, Message, PushToken, QuietHours, Status
from apps.tenants.locks import lock
from apps.tenants.scope import current_campus_id

# One statement instead of the ORM's four: it runs for each batch, between requests that take a
# millisecond each. SKIP LOCKED lets workers share a queue; the address is read now, so that a
# device that registered again is reached under its new token.
_LEASE_DUE: Final = """
    WITH due AS (
        SELECT id, status FROM {delivery}
        WHERE campus_id = %(campus)s AND channel = %(channel)s
          AND status IN ('waiting', 'sending', 'failed')
          AND next_try_at <= %(now)s
        ORDER BY next_try_at, id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE {delivery} delivery
        SET status = 'sending', lease = %(lease_id)s, attempts = delivery.attempts + 1,
            next_try_at = %(lease_ends_at)s
        FROM due WHERE delivery.id = due.id AND delivery.campus_id = %(campus)s
        RETURNING delivery.id, delivery.message_id, delivery.user_id, delivery.channel,
                  delivery.device_type, delivery.contact, delivery.attempts,
                  due.status = 'sending' AS interrupted
    )
    SELECT leased.id, leased.message_id, leased.user_id, leased.device_type, leased.attempts,
           leased.interrupted,
           CASE leased.channel WHEN 'email' THEN person.email
                ELSE coalesce(token.token, '') END,
           coalesce(token.p256dh, ''), coalesce(token.auth, ''),
           message.kind, message.title, message.body, message.data, person.language,
           quiet_hours.starts_at, quiet_hours.ends_at, leased.contact
    FROM leased
    JOIN {message} message ON message.id = leased.message_id
    JOIN {user} person ON person.id = leased.user_id
    LEFT JOIN {token} token ON token.campus_id = %(campus)s AND token.user_id = leased.user_id
                           AND token.device_type = leased.device_type
    LEFT JOIN {quiet_hours} quiet_hours ON quiet_hours.campus_id = %(campus)s
                                       AND quiet_hours.user_id = leased.user_id
    ORDER BY leased.id
"""
_SETTLE: Final = """
    UPDATE {delivery} delivery
    SET status = result.status, attempts = result.attempts, next_try_at = result.next_try_at,
        error = result.error, provider_id = result.provider_id, sent_at = result.sent_at,
        lease = NULL
    FROM unnest(
        %(ids)s::uuid[], %(statuses)s::text[], %(attempts)s::int[], %(next)s::timestamptz[],
        %(errors)s::text[], %(provider_ids)s::text[], %(sent)s::timestamptz[]
    ) AS result(delivery_id, status, attempts, next_try_at, error, provider_id, sent_at)
    WHERE delivery.id = result.delivery_id AND delivery.campus_id = %(campus)s
      AND delivery.lease = %(lease_id)s
"""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """One delivery that we hold until the lease ends; `attempts` counts the try that begins now.

    With a `contact` the address, language and quiet hours are the person's, not the contact's.
    """

    delivery_id: UUID
    message_id: UUID
    user_id: int
    device_type: str
    attempts: int
    was_interrupted: bool
    address: str
    p256dh: str
    auth: str
    kind: str
    title: str
    body: str
    data: dict[str, Any]
    language: str
    quiet_hours: tuple[time, time] | None
    contact: int = 0


@dataclass(frozen=True)
class DeliveryResult:
    """What becomes of a delivery after a try."""

    delivery_id: UUID
    status: str
    attempts: int
    next_try_at: datetime
    error: str = ""
    provider_id: str = ""
    sent_at: datetime | None = None

    @classmethod
    def sent(
        cls, delivery_id: UUID, attempts: int, provider_id: str, now: datetime
    ) -> "DeliveryResult":
        return cls(delivery_id, Status.SENT, attempts, now, "", provider_id[:255], now)

    @classmethod
    def failed(
        cls, delivery_id: UUID, attempts: int, error: str, next_try_at: datetime
    ) -> "DeliveryResult":
        return cls(delivery_id, Status.FAILED, attempts, next_try_at, error[:300])

    @classmethod
    def dead(cls, delivery_id: UUID, attempts: int, error: str, now: datetime) -> "DeliveryResult":
        return cls(delivery_id, Status.DEAD, attempts, now, error[:300])

    @classmethod
    def waiting(cls, delivery_id: UUID, attempts: int, next_try_at: datetime) -> "DeliveryResult":
        return cls(delivery_id, Status.WAITING, attempts, next_try_at)


def _tables() -> dict[str, str]:
    return {
        "delivery": Delivery._meta.db_table,
        "message": Message._meta.db_table,
        "token": PushToken._meta.db_table,
        "quiet_hours": QuietHours._meta.db_table,
        "user": get_user_model()._meta.db_table,
    }


def sms_lock() -> None:
    """Short messages of one campus are leased by one worker at a time, which counts the day's.

    Held until the transaction ends.
    """
    lock("SMS ")


def lease_due(
    *, name: str, limit: int, lease_id: UUID, now: datetime, lease_ends_at: datetime
) -> list[Lease]:
    """Take up to `limit` deliveries of this channel that are due and that nobody else holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE_DUE.format(**_tables()),
            {
                "campus": current_campus_id(),
                "channel": name,
                "now": now,
                "limit": limit,
                "lease_id": lease_id,
                "lease_ends_at": lease_ends_at,
            },
        )
        return [_lease(row) for row in cursor.fetchall()]


def _lease(row: tuple[Any, ...]) -> Lease:
    data, starts_at, ends_at = row[12], row[14], row[15]
    return Lease(
        delivery_id=row[0],
        message_id=row[1],
        user_id=row[2],
        device_type=row[3],
        attempts=row[4],
        was_interrupted=row[5],
        address=row[6],
        p256dh=row[7],
        auth=row[8],
        kind=row[9],
        title=row[10],
        body=row[11],
        data=json.loads(data) if isinstance(data, str) else data,
        language=row[13],
        quiet_hours=None if starts_at is None else (starts_at, ends_at),
        contact=row[16],
    )


def settle(*, lease_id: UUID, results: Sequence[DeliveryResult]) -> int:
    """Write the results; returns how many rows were still ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE.format(**_tables()),
            {
                "campus": current_campus_id(),
                "lease_id": lease_id,
                "ids": [result.delivery_id for result in results],
                "statuses": [str(result.status) for result in results],
                "attempts": [result.attempts for result in results],
                "next": [result.next_try_at for result in results],
                "errors": [result.error for result in results],
                "provider_ids": [result.provider_id for result in results],
                "sent": [result.sent_at for result in results],
            },
        )
        return cursor.rowcount
