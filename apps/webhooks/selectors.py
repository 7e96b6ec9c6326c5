"""Which secrets sign, which events are wanted, what is due."""

from contextlib import suppress
from datetime import datetime
from typing import Final

from apps.common.crypto import SealBroken, seal, unseal
from apps.tenants.scope import current_campus_id
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint

WEBHOOK_SEAL: Final = "webhook-secret"
OPEN: Final = (WebhookDelivery.Status.WAITING, WebhookDelivery.Status.FAILED)


def seal_context(endpoint_id: object) -> bytes:
    return str(endpoint_id).encode()


def sealed(endpoint: WebhookEndpoint, secret: bytes) -> bytes:
    context = seal_context(endpoint.pk)
    return seal(WEBHOOK_SEAL, current_campus_id(), secret, context=context)


def signing_secrets(endpoint: WebhookEndpoint, *, now: datetime) -> list[bytes]:
    """The secret, and the one before it while that is good as well.

    Raises `SealBroken` where the first cannot be opened; without the other it goes on.
    """
    secrets = [_opened(endpoint, endpoint.sealed_secret)]
    if endpoint.previous_secret and endpoint.previous_until and now < endpoint.previous_until:
        with suppress(SealBroken):
            secrets.append(_opened(endpoint, endpoint.previous_secret))
    return secrets


def _opened(endpoint: WebhookEndpoint, value: bytes | memoryview) -> bytes:
    context = seal_context(endpoint.pk)
    return unseal(WEBHOOK_SEAL, current_campus_id(), bytes(value), context=context)


def has_webhooks() -> bool:
    """Whether the entered campus tells anybody anything."""
    return WebhookEndpoint.objects.filter(is_active=True).exists()


def has_due_deliveries(*, now: datetime) -> bool:
    return WebhookDelivery.objects.filter(status__in=OPEN, next_try_at__lte=now).exists()
