"""Another system on loopback, and a webhook of the campus that leads to it."""

from datetime import datetime, timedelta
from typing import Any

from apps.audit.services import SYSTEM
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.webhooks.events import CHOSEN
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import deliver_due, endpoint_add, events_collect, secret_read
from tests.notifications.providers import Answer, Heard, Server

ALL = [name for name, _label in CHOSEN]


class Receiver(Server):
    """Takes everything, after what stands in its script."""

    def answer(self, request: Heard) -> Answer:
        return Answer(204)

    @property
    def types(self) -> list[str]:
        return [heard.json["type"] for heard in self.heard]


def make_endpoint(url: str, *, now: datetime, **fields: Any) -> WebhookEndpoint:
    endpoint = WebhookEndpoint(**{"name": "Library", "url": url, "events": ALL, **fields})
    endpoint_add(endpoint, now=now)
    return endpoint


def secret_of(endpoint: WebhookEndpoint, now: datetime) -> str:
    return secret_read(endpoint=endpoint, now=now, actor=SYSTEM)


def told(campus: Campus, at: datetime) -> int:
    """Collect and send as the tasks do at that moment."""
    with campus_scope(campus):
        events_collect(now=at)
    return deliver_due(campus_id=campus.pk, clock=lambda: at, until=at + timedelta(minutes=1))


def the_delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()
