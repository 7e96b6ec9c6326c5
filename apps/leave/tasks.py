"""Background work of leave."""

from celery import shared_task
from django.utils import timezone

from apps.leave.services.attachments import attachments_purge
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.tenants.tasks import CampusTask


@shared_task(base=CampusTask)
def purge_campus_attachments() -> int:
    """Delete the attachments of one campus whose time has come, right after somebody asked."""
    return attachments_purge(now=timezone.now())


@shared_task
def purge_attachments() -> int:
    """The same everywhere, daily: what was kept long enough, and what a lost task left."""
    purged = 0
    for campus in every_campus(reason="purge attachments"):
        with campus_scope(campus):
            purged += attachments_purge(now=timezone.now())
    return purged
