"""The `notifications` queue. These tasks manage their transactions themselves: see `delivery`."""

from datetime import timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.utils import timezone

from apps.notifications.selectors import due_channels
from apps.notifications.services import messages_purge
from apps.notifications.services.delivery import deliver_due
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_is_open
from apps.tenants.tasks import each_campus, in_each_campus

# Then the task ends and another goes on: far below the broker's visibility timeout.
BUDGET: Final = timedelta(minutes=4)
SWEEP_EXPIRES_SECONDS: Final = 60


@shared_task
def deliver(campus_id: int, channel: str) -> int:
    """Send what is due on one channel of one open campus; returns how many were sent."""
    if not campus_is_open(campus_id=campus_id):
        return 0
    until = timezone.now() + BUDGET
    sent = deliver_due(campus_id=campus_id, name=channel, clock=timezone.now, until=until)
    if timezone.now() >= until:
        deliver.delay(campus_id, channel)
    return sent


@shared_task
def sweep() -> int:
    """Wake the queue for what is due: retries, ended leases, lost wake-ups. Returns how many."""
    return each_campus(_wake, reason="deliver messages that are due")


def _wake(campus: Campus) -> int:
    with campus_scope(campus):
        names = due_channels(now=timezone.now())
    for name in names:
        # Missed by a worker, it is of no use: the next sweep wakes again.
        deliver.apply_async((campus.pk, name), expires=SWEEP_EXPIRES_SECONDS)
    return len(names)


@shared_task
def purge_messages() -> int:
    """Forget old messages, campus by campus; returns how many."""
    return in_each_campus(partial(messages_purge, now=timezone.now()), reason="forget old messages")
