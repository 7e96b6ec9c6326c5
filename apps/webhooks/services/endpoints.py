"""The life of a webhook: added, switched off and on, its secret read and replaced, tried."""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue
from apps.webhooks.events import TEST
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.selectors import sealed, signing_secrets
from apps.webhooks.signatures import new_secret, secret_text

BOTH_GOOD_FOR: Final = timedelta(hours=24)  # in which receivers learn the new secret
DELIVER_TASK: Final = "apps.webhooks.tasks.deliver"


def endpoint_add(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Save a new one, with a secret of its own."""
    endpoint.sealed_secret = sealed(endpoint, new_secret())
    endpoint.listens_since = now
    endpoint.save()


def endpoint_begin(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Begin anew: what happened while it was switched off is not told, old failures are forgotten.

    The caller saves.
    """
    endpoint.listens_since = now
    endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None


@transaction.atomic
def endpoint_stop(*, endpoint: WebhookEndpoint, why: str, now: datetime, actor: Actor) -> None:
    """Switch it off: it wants no more, or has failed for days. What waits is given up."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_active=False, updated_at=now)
    endpoint.is_active = False
    log_event(
        actor=actor,
        action="webhooks.endpoint.stopped",
        now=now,
        target=endpoint,
        data={"why": why},
    )


@transaction.atomic
def endpoint_test(*, endpoint: WebhookEndpoint, now: datetime, actor: Actor) -> WebhookDelivery:
    """Send an event of the kind `webhook.test`, at once, also to one that is switched off."""
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, event_key=uuid4(), event=TEST, at=now, next_try_at=now
    )
    log_event(actor=actor, action="webhooks.endpoint.tested", now=now, target=endpoint)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(resting_until=None)
    enqueue(DELIVER_TASK, current_campus_id())
    return delivery


@transaction.atomic
def secret_read(*, endpoint: WebhookEndpoint, now: datetime, actor: Actor) -> str:
    """The secret as the other system needs it; that it was read is in the audit log.

    Raises `Refused` (secret_unreadable).
    """
    log_event(actor=actor, action="webhooks.secret.read", now=now, target=endpoint)
    try:
        return secret_text(signing_secrets(endpoint, now=now)[0])
    except SealBroken as broken:
        message = _("This secret cannot be opened any more. Replace it.")
        raise Refused("secret_unreadable", message) from broken


@transaction.atomic
def secret_replace(*, endpoint: WebhookEndpoint, now: datetime, actor: Actor) -> None:
    """A new secret. For a day the old one signs as well, so that nothing is refused meanwhile."""
    locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    locked.previous_secret = locked.sealed_secret
    locked.previous_until = now + BOTH_GOOD_FOR
    locked.sealed_secret = sealed(locked, new_secret())
    locked.save(update_fields=["previous_secret", "previous_until", "sealed_secret", "updated_at"])
    log_event(actor=actor, action="webhooks.secret.replaced", now=now, target=endpoint)
