"""Background work with photos of a class."""

import logging
from functools import partial
from typing import Final

from celery import shared_task
from django.utils import timezone

from apps.biometrics.images import ImageRefused
from apps.biometrics.services import current_model
from apps.class_photos.models import ClassPhoto, PhotoProblem
from apps.class_photos.services.looking import (
    photo_claim,
    photo_fail,
    photo_read,
    photo_seen,
    photos_give_up,
)
from apps.class_photos.services.reviews import reviews_expire
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import SteppedTask, enqueue, in_each_campus, take_lost

logger = logging.getLogger(__name__)

REQUEUE_BATCH: Final = 100


@shared_task(base=SteppedTask)
def look_at_photo(campus_id: int, photo_id: int) -> None:
    """Find every face of a photo and whose it is. While the storage does not answer it is left
    to `requeue_photos`."""
    with campus_scope(campus_id):
        if not photo_claim(photo_id=photo_id, now=timezone.now()):
            return
    try:
        with campus_scope(campus_id):
            data = photo_read(photo_id=photo_id)
    except OSError:
        logger.warning("The class photo %d cannot be read now; it is tried again.", photo_id)
        return
    if data is None:
        return
    problem = PhotoProblem.FAILED
    try:
        from apps.class_photos.worker import look_at

        with campus_scope(campus_id):
            model = current_model(now=timezone.now())
        seen = look_at(data, engine=model.name)
        with campus_scope(campus_id):
            photo_seen(photo_id=photo_id, seen=seen, model=model, now=timezone.now())
        return
    except ImageRefused:
        problem = PhotoProblem.DAMAGED
    except Exception:
        logger.exception("The class photo %d could not be searched.", photo_id)
    with campus_scope(campus_id):
        photo_fail(photo_id=photo_id, problem=problem)


@shared_task
def requeue_photos() -> int:
    """Ask again for photos whose task was lost, and give up on those that are overdue."""
    return in_each_campus(_requeue_campus, reason="requeue class photos")


def _requeue_campus() -> int:
    now = timezone.now()
    photos_give_up(now=now)
    waiting = ClassPhoto.objects.filter(status=ClassPhoto.Status.WAITING)
    lost = take_lost(waiting, look_at_photo, since="added_at", now=now, limit=REQUEUE_BATCH)
    for photo_id in lost:
        enqueue(look_at_photo, photo_id)
    return len(lost)


@shared_task
def expire_reviews() -> int:
    """Delete photos whose time for review is over, or that are permitted no more."""
    return in_each_campus(partial(reviews_expire, now=timezone.now()), reason="expire class photos")
