"""Nothing in here is a person's: a delivery names a row by its id, and is written out when sent."""

from apps.privacy.registry import add_impersonal
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint


def register() -> None:
    add_impersonal("addresses of other systems", WebhookEndpoint)
    add_impersonal("what happened to which row, by its id alone", WebhookDelivery)
