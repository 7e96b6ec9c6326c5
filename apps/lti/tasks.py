"""Scores for learning platforms, on the queue `notifications`; old keys forgotten at night."""

from datetime import timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.lti.selectors import has_due_links
from apps.lti.services.keys import keys_purge
from apps.lti.services.sending import scores_send
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_is_open
from apps.tenants.tasks import each_campus, in_each_campus

BUDGET: Final = timedelta(minutes=4)
RUN_SECONDS: Final = 9 * 60  # longer than the budget and one more course
SWEEP_EXPIRES_SECONDS: Final = 60
RUNNING: Final = "lti:sending:{campus}"


@shared_task
def collect() -> int:
    """Wake the sender of each campus where a comparison is due; returns on how many."""
    return each_campus(_collect, reason="compare scores of learning platforms")


def _collect(campus: Campus) -> int:
    with campus_scope(campus):
        is_due = has_due_links(now=timezone.now())
    if is_due:
        send.apply_async((campus.pk,), expires=SWEEP_EXPIRES_SECONDS)
    return int(is_due)


@shared_task
def send(campus_id: int) -> int:
    """Compare and send on one open campus; one worker at a time, as with webhooks."""
    mine = RUNNING.format(campus=campus_id)
    if not campus_is_open(campus_id=campus_id) or not cache.add(mine, "1", RUN_SECONDS):
        return 0
    try:
        return scores_send(campus_id=campus_id, clock=timezone.now, until=timezone.now() + BUDGET)
    finally:
        cache.delete(mine)


@shared_task
def purge_keys() -> int:
    """Forget keys that no platform needs any more; returns how many."""
    return in_each_campus(
        partial(keys_purge, now=timezone.now()), reason="forget old keys for learning platforms"
    )
