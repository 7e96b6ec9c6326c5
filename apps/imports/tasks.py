"""Periodic work of imports."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.imports.services import imports_purge
from apps.tenants.tasks import in_each_campus


@shared_task
def purge_imports() -> int:
    """Forget uploaded files after 30 days; returns how many imports lost theirs."""
    return in_each_campus(
        partial(imports_purge, now=timezone.now()), reason="delete uploaded files"
    )
