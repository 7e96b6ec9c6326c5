"""Background work of leave."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.leave.services.attachments import attachments_purge
from apps.tenants.tasks import CampusTask, in_each_campus


@shared_task(base=CampusTask)
def purge_campus_attachments() -> int:
    """Delete the attachments of one campus whose time has come, right after somebody asked."""
    return attachments_purge(now=timezone.now())


@shared_task
def purge_attachments() -> int:
    """The same everywhere, daily: what was kept long enough, and what a lost task left."""
    return in_each_campus(
        partial(attachments_purge, now=timezone.now()), reason="purge attachments"
    )
