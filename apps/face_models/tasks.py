"""Making templates anew in a worker that has the engines."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.face_models.services import reembed_some
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.tasks import run_for_a_while
from apps.tenants.tasks import SteppedTask


def reembed(job: Job, progress: Progress) -> dict[str, Any] | None:
    """What jobs of re-embedding do (`apps.py`)."""
    return reembed_some(job=job, progress=progress, now=timezone.now())


@shared_task(base=SteppedTask)
def run_reembedding(campus_id: int, job_id: str) -> None:
    run_for_a_while(campus_id, UUID(job_id))
