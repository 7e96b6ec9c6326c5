"""The nightly reading of each campus that wants one; old readings are forgotten."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.oneroster.services import nightly_start, runs_purge
from apps.tenants.tasks import in_each_campus


@shared_task
def read_services() -> int:
    """Queue a job for each; returns how many."""
    return in_each_campus(
        partial(nightly_start, now=timezone.now()), reason="read OneRoster services"
    )


@shared_task
def purge_runs() -> int:
    return in_each_campus(
        partial(runs_purge, now=timezone.now()), reason="forget old readings of OneRoster services"
    )
