"""Collecting and telling, on the queue `notifications`; forgetting at night."""

from datetime import timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_is_open
from apps.tenants.tasks import each_campus, in_each_campus
from apps.webhooks.selectors import has_due_deliveries, has_webhooks
from apps.webhooks.services import deliver_due, deliveries_purge, events_collect

BUDGET: Final = timedelta(minutes=4)
RUN_SECONDS: Final = 8 * 60  # longer than the budget and one more batch
SWEEP_EXPIRES_SECONDS: Final = 60
RUNNING: Final = "webhooks:delivering:{campus}"


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
    """Tell what is due on one open campus; returns how many deliveries were taken.

    One worker at a time for each campus: systems that answer slowly would take all workers
    otherwise, and the messages of every campus wait in the same queue.
    """
    mine = RUNNING.format(campus=campus_id)
    if not campus_is_open(campus_id=campus_id) or not cache.add(mine, "1", RUN_SECONDS):
        return 0
    try:
        until = timezone.now() + BUDGET
        return deliver_due(campus_id=campus_id, clock=timezone.now, until=until)
    finally:
        cache.delete(mine)


@shared_task
def purge_deliveries() -> int:
    """Forget old deliveries, campus by campus; returns how many."""
    return in_each_campus(
        partial(deliveries_purge, now=timezone.now()), reason="forget old webhook deliveries"
    )
