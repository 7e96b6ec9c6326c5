"""Running jobs in workers, and picking up those whose worker was lost."""

import logging
import time
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.common.measures import count
from apps.jobs.models import Job
from apps.jobs.progress import Cancelled, Progress, Watch
from apps.jobs.registry import handler_of, task_of
from apps.jobs.services import (
    SILENT,
    job_claim,
    job_fail,
    job_pause,
    job_stop,
    job_succeed,
)
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import SteppedTask, enqueue, in_each_campus

logger = logging.getLogger(__name__)

PARTS_SECONDS: Final = 300.0  # half of what a task may take


@shared_task(base=SteppedTask)
def run_job(campus_id: int, job_id: str) -> None:
    """Take the job, execute it and save its result, or say why not."""
    run_for_a_while(campus_id, UUID(job_id))


def run_for_a_while(campus_id: int, job_id: UUID) -> None:
    """In a task, which may take ten minutes: a job of many parts goes on in the next one."""
    execute_job(campus_id, job_id, seconds=PARTS_SECONDS)


def execute_job(
    campus_id: int, job_id: UUID, *, seconds: float | None = None, watch: Watch | None = None
) -> None:
    """Also for commands, which run a job in their own process.

    `seconds`: after which no further part is begun here. `watch` is told done and total.
    """
    with campus_scope(campus_id):
        job = job_claim(job_id=job_id, now=timezone.now())
    if job is None:
        return
    try:
        if not _all_parts(job, campus_id, seconds=seconds, watch=watch):
            return
        count("campus_jobs", job.kind, "done")
    except Cancelled:
        count("campus_jobs", job.kind, "cancelled")
        with campus_scope(campus_id):
            job_stop(job_id=job.pk, now=timezone.now())
    except Refused as refusal:
        count("campus_jobs", job.kind, "refused")
        _failed(campus_id, job.pk, str(refusal.message))
    except Exception:
        logger.exception("Job %s (%s) failed.", job.pk, job.kind)
        count("campus_jobs", job.kind, "failed")
        _failed(campus_id, job.pk, _("Something went wrong on our side; nothing was changed."))


def _all_parts(job: Job, campus_id: int, *, seconds: float | None, watch: Watch | None) -> bool:
    """Each part in a transaction of its own; whether the job has succeeded, or goes on later."""
    began = time.monotonic()
    with Progress(job.pk, campus_id, watch=watch) as progress:
        while True:
            with campus_scope(campus_id):
                result = handler_of(job.kind)(job, progress)
                if result is not None:
                    job_succeed(job_id=job.pk, result=result, now=timezone.now())
                    return True
                if seconds is not None and time.monotonic() - began > seconds:
                    job_pause(job=job)
                    return False


def _failed(campus_id: int, job_id: UUID, problem: str) -> None:
    with campus_scope(campus_id):
        job_fail(job_id=job_id, problem=problem, now=timezone.now())


@shared_task
def requeue_jobs() -> int:
    """Enqueue again what waits without a message or lost its worker."""
    requeue = partial(_requeue, timezone.now() - SILENT)
    return in_each_campus(requeue, reason="requeue jobs")


def _requeue(before: datetime) -> int:
    waiting = Q(status=Job.Status.QUEUED, created_at__lt=before)
    lost = Q(status=Job.Status.RUNNING, heartbeat_at__lt=before)
    found = list(Job.objects.filter(waiting | lost).values_list("pk", "kind"))
    for job_id, kind in found:
        enqueue(task_of(kind), str(job_id))
    return len(found)
