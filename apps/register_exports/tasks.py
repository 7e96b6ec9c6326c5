"""The nightly export of each campus that wants one; old traces are forgotten."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.register_exports.services import nightly_export, traces_purge
from apps.tenants.tasks import in_each_campus


@shared_task
def export_registers() -> int:
    """Queue a job for each; returns how many."""
    return in_each_campus(partial(nightly_export, now=timezone.now()), reason="export registers")


@shared_task
def purge_traces() -> int:
    return in_each_campus(
        partial(traces_purge, now=timezone.now()), reason="forget old exports of registers"
    )
