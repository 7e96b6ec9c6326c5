"""Moves from the administration, in a worker; and what is deleted of them by the clock."""

from functools import partial
from typing import Final
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.jobs.tasks import execute_job
from apps.legacy.services import moves_purge
from apps.tenants.tasks import SteppedTask, in_each_campus

HOURS: Final = 6 * 3600


@shared_task(base=SteppedTask, time_limit=HOURS, soft_time_limit=HOURS - 60)
def run_legacy_move(campus_id: int, job_id: str) -> None:
    """Registers of years are one transaction, and take longer than other jobs."""
    execute_job(campus_id, UUID(job_id))


@shared_task
def purge_legacy_moves() -> int:
    """Delete uploads of older systems, and old reports; returns how many moves lost a file."""
    purge = partial(moves_purge, now=timezone.now())
    return in_each_campus(purge, reason="delete uploads of older systems")
