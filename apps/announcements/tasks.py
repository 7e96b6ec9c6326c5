"""Periodic work of announcements."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.announcements.services import announcements_purge
from apps.tenants.tasks import in_each_campus


@shared_task
def purge_announcements() -> int:
    """Forget old announcements, campus by campus; returns how many."""
    return in_each_campus(
        partial(announcements_purge, now=timezone.now()), reason="delete old announcements"
    )
