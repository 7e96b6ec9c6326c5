"""Background work with liveness checks."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.liveness.services import checks_forget
from apps.tenants.tasks import in_each_campus


@shared_task
def forget_checks() -> int:
    """Every day: checks and fingerprints that are 90 days old; returns how many rows."""
    return in_each_campus(
        partial(checks_forget, now=timezone.now()), reason="forget liveness checks"
    )
