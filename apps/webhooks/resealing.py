"""Secrets of webhooks under the master key that is in force now."""

from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value
from apps.webhooks.models import WebhookEndpoint
from apps.webhooks.selectors import WEBHOOK_SEAL, seal_context

COLUMNS = ("sealed_secret", "previous_secret")


def endpoints_reseal() -> int:
    done = 0
    for endpoint in WebhookEndpoint.objects.order_by("pk"):
        context = seal_context(endpoint.pk)
        values = {name: getattr(endpoint, name) for name in COLUMNS}
        renewed = {
            name: resealed_value(WEBHOOK_SEAL, bytes(value), context=context)
            for name, value in values.items()
            if value is not None
        }
        new = {name: value for name, value in renewed.items() if value is not None}
        if new:
            done += WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**new)
    return done


def _endpoint_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    for name in COLUMNS:
        if value := before[name]:
            context = seal_context(before["id"])
            row[name] = moved_value(value, WEBHOOK_SEAL, source, target, context=context)


MOVED_ENDPOINTS = MovedRows(
    table=WebhookEndpoint._meta.db_table, columns=COLUMNS, reseal=_endpoint_moved
)
