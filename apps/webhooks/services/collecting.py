"""From the audit log to deliveries: one statement, which may run any number of times.

What happened is in the audit log, in the transaction that did it, so nothing is told that was
undone and nothing is forgotten. Its entries are numbered by their beginning, not by their commit:
the last quarter of an hour is looked through each time, for what was committed late, and what is
known already is left out.
"""

import json
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from apps.audit.models import Entry
from apps.common.rows import table_name
from apps.tenants.scope import current_campus_id
from apps.webhooks.events import EVENT_OF_ACTION
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint

LOOK_BACK: Final = timedelta(minutes=15)  # longer than the longest transaction that makes events
KEPT: Final = timedelta(days=30)
_COLLECT: Final = """
    INSERT INTO {delivery}
        (campus_id, endpoint_id, event_key, event, at, target_type, target_id, status, attempts,
         next_try_at, error)
    SELECT %(campus)s, endpoint.id, entry.id, kind.event, entry.at, entry.target_type,
           entry.target_id, 'waiting', 0, %(now)s, ''
    FROM {endpoint} endpoint
    JOIN jsonb_each_text(%(events)s::jsonb) AS kind(action, event)
        ON kind.event = ANY (endpoint.events)
    JOIN {entry} entry
        ON entry.campus_id = %(campus)s AND entry.action = kind.action
       AND entry.at > %(since)s AND entry.at >= endpoint.listens_since
    WHERE endpoint.campus_id = %(campus)s AND endpoint.is_active
    ORDER BY entry.id
    ON CONFLICT (campus_id, endpoint_id, event_key) DO NOTHING
"""


def events_collect(*, now: datetime) -> int:
    """Queue what the entered campus's webhooks have not been told; returns how many deliveries."""
    statement = _COLLECT.format(
        delivery=table_name(WebhookDelivery),
        endpoint=table_name(WebhookEndpoint),
        entry=table_name(Entry),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "campus": current_campus_id(),
                "now": now,
                "since": now - LOOK_BACK,
                "events": json.dumps(EVENT_OF_ACTION),
            },
        )
        return int(cursor.rowcount)


@transaction.atomic
def deliveries_purge(*, now: datetime) -> int:
    """Forget what happened more than 30 days ago, sent or given up."""
    return int(WebhookDelivery.objects.filter(at__lt=now - KEPT).delete()[0])
