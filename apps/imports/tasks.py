"""Periodic work of imports."""

from celery import shared_task
from django.utils import timezone

from apps.imports.services import imports_purge
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus


@shared_task
def purge_imports() -> int:
    """Forget uploaded files after 30 days; returns how many imports lost theirs."""
    purged = 0
    for campus in every_campus(reason="delete uploaded files"):
        with campus_scope(campus):
            purged += imports_purge(now=timezone.now())
    return purged
