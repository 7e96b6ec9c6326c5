"""Periodic work of privacy."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.privacy.services import erasures_start
from apps.tenants.tasks import in_each_campus


@shared_task
def start_erasures() -> int:
    """Start the erasures whose waiting time is over and that were approved."""
    return in_each_campus(partial(erasures_start, now=timezone.now()), reason="start erasures")
