"""Forgetting what was said long ago."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.db.models import Exists, OuterRef

from apps.audit.services import SYSTEM, log_event
from apps.notifications.models import OPEN_STATUSES, Delivery, Message
from apps.notifications.selectors import campus_messages

AT_ONCE: Final = 200  # messages in one statement; one may have thousands of deliveries


@transaction.atomic
def messages_purge(*, now: datetime) -> int:
    """Delete messages with their deliveries after `CampusMessages.kept_days`; returns how many.

    Those that still have something to send stay, and those that another app holds on to: it
    deletes its own rows first.
    """
    until = now - timedelta(days=campus_messages().kept_days)
    old = Message.objects.filter(created_at__lt=until).exclude(
        Exists(Delivery.objects.filter(message=OuterRef("pk"), status__in=OPEN_STATUSES))
    )
    for model, field in _holders():
        old = old.exclude(Exists(model._default_manager.filter(**{field: OuterRef("pk")})))
    ids = list(old.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        Message.objects.filter(pk__in=ids[start : start + AT_ONCE]).delete()
    if ids:
        data = {"messages": len(ids), "before": until.isoformat()}
        log_event(actor=SYSTEM, action="notification.purged", now=now, data=data)
    return len(ids)


def _holders() -> Iterator[tuple[type[models.Model], str]]:
    """Models of apps above, with their protecting foreign keys to messages."""
    for field in Message._meta.get_fields(include_hidden=True):
        if isinstance(field, models.ManyToOneRel) and field.on_delete is models.PROTECT:
            yield field.related_model, field.field.name
