"""Background work with faces."""

from functools import partial
from typing import Final

from celery import Task, shared_task
from django.utils import timezone

from apps.biometrics.models import FaceSample
from apps.biometrics.services import (
    former_faces_erase,
    images_purge,
    orphans_delete,
    refused_samples_drop,
    sample_judge,
    selfies_shorten,
    templates_vacuum,
)
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import CampusTask, each_campus, enqueue, in_each_campus, take_lost

REQUEUE_BATCH: Final = 200


@shared_task(base=CampusTask, bind=True, max_retries=5)
def judge_sample(self: Task, sample_id: int) -> None:
    """Judge one sample; again while the storage does not answer, then see `requeue_samples`."""
    try:
        sample_judge(sample_id=sample_id, now=timezone.now())
    except OSError as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error


@shared_task
def requeue_samples() -> int:
    """Ask again for samples whose task was lost; returns how many."""
    return in_each_campus(_requeue_campus, reason="requeue pending samples")


def _requeue_campus() -> int:
    pending = FaceSample.objects.filter(status=FaceSample.Status.PENDING)
    lost = take_lost(
        pending, judge_sample, since="created_at", now=timezone.now(), limit=REQUEUE_BATCH
    )
    for sample_id in lost:
        enqueue(judge_sample, sample_id)
    return len(lost)


@shared_task(base=CampusTask)
def purge_campus_images() -> int:
    """Delete the images of one campus whose time has come."""
    return images_purge(now=timezone.now())


@shared_task
def purge_images() -> int:
    """Every day: refused samples after their week, and images whose time has come."""
    return each_campus(_purge_images, reason="purge images")


def _purge_images(campus: Campus) -> int:
    with campus_scope(campus):
        refused_samples_drop(now=timezone.now())
        selfies_shorten(now=timezone.now())
    purged = 0
    while True:
        with campus_scope(campus):
            batch = images_purge(now=timezone.now())
        purged += batch
        if not batch:
            return purged


@shared_task
def erase_former_faces() -> int:
    """Every day: faces of students whose last enrolment has ended."""
    return in_each_campus(
        partial(former_faces_erase, now=timezone.now()), reason="erase faces of former students"
    )


@shared_task
def vacuum_templates() -> None:
    """Every day: the vectors of deleted and replaced templates go from the table's file too."""
    templates_vacuum()


@shared_task
def delete_orphans() -> int:
    """Every day: objects that no row knows, left by writes that were rolled back."""
    return in_each_campus(
        partial(orphans_delete, now=timezone.now()), reason="delete orphaned images"
    )
