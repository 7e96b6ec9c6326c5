"""Running jobs in workers, and picking up those whose worker was lost."""

import logging
from datetime import datetime
from functools import partial
from uuid import UUID

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.common.measures import count
from apps.jobs.models import Job
from apps.jobs.progress import Cancelled, Progress
from apps.jobs.registry import handler_of
from apps.jobs.services import SILENT, job_claim, job_fail, job_stop, job_succeed
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import SteppedTask, enqueue, in_each_campus

logger = logging.getLogger(__name__)


@shared_task(base=SteppedTask)
def run_job(campus_id: int, job_id: str) -> None:
    """Take the job, execute it and save its result in one transaction, or say why not."""
    execute_job(campus_id, UUID(job_id))


def execute_job(campus_id: int, job_id: UUID) -> None:
    """Also for commands, which run a job in their own process."""
    with campus_scope(campus_id):
        job = job_claim(job_id=job_id, now=timezone.now())
    if job is None:
        return
    try:
        with Progress(job.pk, campus_id) as progress, campus_scope(campus_id):
            result = handler_of(job.kind)(job, progress)
            job_succeed(job_id=job.pk, result=result, now=timezone.now())
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
    found = list(Job.objects.filter(waiting | lost).values_list("pk", flat=True))
    for job_id in found:
        enqueue(run_job, str(job_id))
    return len(found)
