"""Collecting and telling, on the queue `notifications`; forgetting at night."""

from datetime import timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.utils import timezone

from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_is_open
from apps.tenants.tasks import each_campus, in_each_campus
from apps.webhooks.selectors import has_due_deliveries, has_webhooks
from apps.webhooks.services import deliver_due, deliveries_purge, events_collect

BUDGET: Final = timedelta(minutes=4)
SWEEP_EXPIRES_SECONDS: Final = 60


@shared_task
def collect() -> int:
    """Queue what happened, and wake the sender where something is due; returns on how many."""
    return each_campus(_collect, reason="collect events for webhooks")


def _collect(campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        if has_webhooks():
            events_collect(now=now)
        is_due = has_due_deliveries(now=now)
    if is_due:
        deliver.apply_async((campus.pk,), expires=SWEEP_EXPIRES_SECONDS)
    return int(is_due)


@shared_task
def deliver(campus_id: int) -> int:
    """Tell what is due on one open campus; returns how many deliveries were taken."""
    if not campus_is_open(campus_id=campus_id):
        return 0
    until = timezone.now() + BUDGET
    return deliver_due(campus_id=campus_id, clock=timezone.now, until=until)


@shared_task
def purge_deliveries() -> int:
    """Forget old deliveries, campus by campus; returns how many."""
    return in_each_campus(
        partial(deliveries_purge, now=timezone.now()), reason="forget old webhook deliveries"
    )
