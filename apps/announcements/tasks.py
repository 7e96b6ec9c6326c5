"""Periodic work of announcements."""

from celery import shared_task
from django.utils import timezone

from apps.announcements.services import announcements_purge
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus


@shared_task
def purge_announcements() -> int:
    """Forget old announcements, campus by campus; returns how many."""
    purged = 0
    for campus in every_campus(reason="delete old announcements"):
        with campus_scope(campus):
            purged += announcements_purge(now=timezone.now())
    return purged
