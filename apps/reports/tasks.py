"""Periodic work of reports."""

from celery import shared_task
from django.utils import timezone

from apps.reports.services import exports_purge
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus


@shared_task
def purge_exports() -> int:
    """Forget written reports after a week; returns how many files went."""
    purged = 0
    for campus in every_campus(reason="delete written reports"):
        with campus_scope(campus):
            purged += exports_purge(now=timezone.now())
    return purged
