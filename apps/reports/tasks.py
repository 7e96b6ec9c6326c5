"""Periodic work of reports."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.reports.services import exports_purge
from apps.tenants.tasks import in_each_campus


@shared_task
def purge_exports() -> int:
    """Forget written reports after a week; returns how many files went."""
    return in_each_campus(
        partial(exports_purge, now=timezone.now()), reason="delete written reports"
    )
