"""Writing a message and its deliveries in two statements, however many people hear it."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection

from apps.notifications.addresses import Contact
from apps.notifications.message_types import MessageType
from apps.notifications.models import Channel, Delivery, Message, Preference, PushToken
from apps.tenants.scope import current_campus_id

_ADD_MESSAGE: Final = f"""
    INSERT INTO {Message._meta.db_table}
        (campus_id, key, kind, title, body, data, sender_id, created_at)
    VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s)
    ON CONFLICT (campus_id, key) DO NOTHING
    RETURNING id
"""  # noqa: S608  (names of our models)

# Everybody has an inbox. The other channels need an address, and that the person wants them: by
# a preference, or else the default channels of the type. Of forced types nobody can switch those
# off.
_ADD_DELIVERIES: Final = """
    WITH recipient AS (
        SELECT id, email FROM {user} WHERE id = ANY(%(users)s::bigint[]) AND is_active
    ), address AS (
        SELECT id AS user_id, 'inbox' AS channel, '' AS device_type FROM recipient
        UNION ALL
        SELECT id, 'email', '' FROM recipient WHERE email <> ''
        UNION ALL
        SELECT id, 'sms', '' FROM recipient WHERE id = ANY(%(phones)s::bigint[])
        UNION ALL
        SELECT token.user_id,
               CASE token.device_type WHEN 'web' THEN 'web_push' ELSE 'push' END,
               token.device_type
        FROM {token} token JOIN recipient ON recipient.id = token.user_id
        WHERE token.campus_id = %(campus)s
    ), added AS (
        INSERT INTO {delivery} (
            campus_id, message_id, user_id, channel, device_type, status, attempts,
            next_try_at, error, provider_id, created_at, sent_at
        )
        SELECT %(campus)s, %(message)s, address.user_id, address.channel, address.device_type,
               CASE address.channel WHEN 'inbox' THEN 'sent' ELSE 'waiting' END, 0,
               %(now)s::timestamptz, '', '', %(now)s::timestamptz,
               CASE address.channel WHEN 'inbox' THEN %(now)s::timestamptz END
        FROM address
        LEFT JOIN {preference} preference
               ON preference.campus_id = %(campus)s AND preference.user_id = address.user_id
              AND preference.kind = %(kind)s AND preference.channel = address.channel
        WHERE address.channel = 'inbox'
           OR (address.channel = ANY(%(open)s::text[])
               AND (coalesce(preference.is_wanted,
                             address.channel = ANY(%(default_channels)s::text[]))
                    OR address.channel = ANY(%(forced)s::text[])))
        RETURNING channel
    )
    SELECT channel, count(*) FROM added GROUP BY channel
"""


def message_add(*, values: dict[str, Any], now: datetime) -> UUID | None:
    """The new message's id, or None when this key was used before."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_MESSAGE,
            [
                current_campus_id(),
                values["key"],
                values["kind"],
                values["title"],
                values["body"],
                json.dumps(values["data"]),
                values["sender_id"],
                now,
            ],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def deliveries_add(
    *,
    message_id: UUID,
    user_ids: Collection[int],
    phone_owners: Collection[int],
    message_type: MessageType,
    open_channels: Collection[str],
    now: datetime,
) -> dict[str, int]:
    """How many deliveries were added, by channel. Unknown and inactive accounts get none.

    `open_channels`: the configured ones; `phone_owners`: those of `user_ids` with a number.
    """
    statement = _ADD_DELIVERIES.format(
        user=get_user_model()._meta.db_table,
        token=PushToken._meta.db_table,
        delivery=Delivery._meta.db_table,
        preference=Preference._meta.db_table,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "campus": current_campus_id(),
                "message": message_id,
                "users": sorted(set(user_ids)),
                "phones": sorted(set(phone_owners)),
                "kind": message_type.code,
                "default_channels": sorted(message_type.default_channels),
                "forced": sorted(message_type.default_channels) if message_type.forced else [],
                "open": sorted(open_channels),
                "now": now,
            },
        )
        return dict(cursor.fetchall())


def contact_deliveries_add(
    *,
    message_id: UUID,
    contacts: Collection[Contact],
    open_channels: Collection[str],
    now: datetime,
) -> set[str]:
    """One delivery per contact: an e-mail, or an SMS to those without an e-mail address.

    Returns the channels that have something to send.
    """
    rows = []
    for contact in contacts:
        channel = Channel.EMAIL if contact.email else Channel.SMS
        if channel in open_channels and (contact.email or contact.phone):
            rows.append(
                Delivery(
                    message_id=message_id,
                    user_id=contact.user_id,
                    contact=contact.id,
                    channel=channel,
                    next_try_at=now,
                    created_at=now,
                )
            )
    Delivery.objects.bulk_create(rows, batch_size=1000)
    return {row.channel for row in rows}
