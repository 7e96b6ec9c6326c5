"""Working in what waited, and forgetting what is old."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.privacy.selectors import privacy_rules
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import each_apart, each_campus, in_each_campus
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.selectors import punches_due, punches_mendable
from apps.terminals.services.punches import punches_purge, punches_retry

Found = Callable[..., dict[CardTerminal, list[Punch]]]


@shared_task
def work_in() -> int:
    """Count punches whose session has been opened meanwhile; returns how many were decided."""
    return each_campus(partial(_retry, punches_due), reason="work in punches")


@shared_task
def look_again() -> int:
    """Try queued punches of the last day anew: a card, an enrolment or a room may have followed."""
    return each_campus(partial(_retry, punches_mendable), reason="look at queued punches again")


def _retry(find: Found, campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        found = find(now=now)
    return each_apart(campus, found, lambda terminal: _retried(terminal, found[terminal], now))


def _retried(terminal: CardTerminal, punches: list[Punch], now: datetime) -> int:
    return punches_retry(terminal=terminal, punches=punches, now=now)


@shared_task
def purge_punches() -> int:
    """Forget punches as long ago as addresses of check-ins; returns how many."""
    return in_each_campus(partial(_purge, timezone.now()), reason="forget punches")


def _purge(now: datetime) -> int:
    return punches_purge(before=now - timedelta(days=privacy_rules().addresses_days))
