"""Keeping webhooks, collecting what they are told, and telling it."""

from apps.webhooks.services.collecting import deliveries_purge, events_collect
from apps.webhooks.services.endpoints import (
    endpoint_add,
    endpoint_begin,
    endpoint_stop,
    endpoint_test,
    secret_read,
    secret_replace,
)
from apps.webhooks.services.sending import deliver_due, deliveries_retry

__all__ = [
    "deliver_due",
    "deliveries_purge",
    "deliveries_retry",
    "endpoint_add",
    "endpoint_begin",
    "endpoint_stop",
    "endpoint_test",
    "events_collect",
    "secret_read",
    "secret_replace",
]
