"""Work of imports that nobody waits for."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.imports.services import imports_purge, rosters_analyze
from apps.tenants.tasks import CampusTask, in_each_campus


@shared_task
def purge_imports() -> int:
    """Forget uploaded files after 30 days; returns how many imports lost theirs."""
    return in_each_campus(
        partial(imports_purge, now=timezone.now()), reason="delete uploaded files"
    )


@shared_task(base=CampusTask)
def analyze_rosters() -> None:
    """Let the planner know what an import has written."""
    rosters_analyze()
