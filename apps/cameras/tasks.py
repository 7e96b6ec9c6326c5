"""Background work: pictures of devices, samples after a consent, forgetting."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.biometrics.images import ImageRefused
from apps.biometrics.services import current_model
from apps.biometrics.storage import read_image
from apps.cameras.models import CameraFrame
from apps.cameras.services.forgetting import sightings_expire
from apps.cameras.services.frames import frame_claim, frame_fail, frame_read, frame_seen
from apps.cameras.services.searching import photo_of_search, search_answer, searches_forget
from apps.cameras.services.unknown import samples_after_consent, unknown_relearn, unlearned
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.tasks import run_for_a_while
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import CampusTask, SteppedTask, enqueue, in_each_campus, take_lost

logger = logging.getLogger(__name__)

REQUEUE_BATCH: Final = 100


@shared_task(base=SteppedTask)
def look_at_frame(campus_id: int, frame_id: str) -> None:
    """Find the faces of a picture and write down whose they are. While the storage does not answer
    it is left to `requeue_frames`."""
    pk = UUID(frame_id)
    with campus_scope(campus_id):
        if not frame_claim(frame_id=pk, now=timezone.now()):
            return
    try:
        with campus_scope(campus_id):
            read = frame_read(frame_id=pk, now=timezone.now())
    except OSError:
        logger.warning("The picture %s cannot be read now; it is tried again.", pk)
        return
    if read is None:
        return
    problem = "failed"
    try:
        from apps.cameras.worker import sightings_in

        frame, data = read
        with campus_scope(campus_id):
            model = current_model(now=timezone.now())
        faces = sightings_in(data, snapshots=frame.camera.keeps_snapshots, model=model)
        with campus_scope(campus_id):
            frame_seen(frame=frame, faces=faces, now=timezone.now())
        return
    except ImageRefused:
        problem = "image_damaged"
    except Exception:
        logger.exception("The picture %s could not be looked at.", pk)
    with campus_scope(campus_id):
        frame_fail(frame_id=pk, problem=problem, now=timezone.now())


def search_campus(job: Job, _progress: Progress) -> dict[str, Any]:
    """What jobs of searching do (`apps.py`)."""
    from apps.cameras.worker import sightings_in

    data, model = photo_of_search(job), current_model(now=timezone.now())
    try:
        faces = sightings_in(data, snapshots=False, model=model)
    except ImageRefused as refused:
        message = _("This photo cannot be used (%(why)s).") % {"why": refused.reason.value}
        raise Refused("photo_refused", message, status=400) from refused
    return search_answer(job=job, faces=faces, model=model, now=timezone.now())


@shared_task(base=SteppedTask)
def run_search(campus_id: int, job_id: str) -> None:
    run_for_a_while(campus_id, UUID(job_id))


@shared_task
def requeue_frames() -> int:
    """Ask again for pictures whose task was lost."""
    return in_each_campus(_requeue_campus, reason="requeue pictures of cameras")


def _requeue_campus() -> int:
    waiting = CameraFrame.objects.filter(status=CameraFrame.Status.WAITING)
    lost = take_lost(
        waiting, look_at_frame, since="received_at", now=timezone.now(), limit=REQUEUE_BATCH
    )
    for frame_id in lost:
        enqueue(look_at_frame, str(frame_id))
    return len(lost)


@shared_task(base=CampusTask)
def relearn_unknown() -> int:
    """Vectors of unknown people that were split; returns how many were made anew."""
    from apps.biometrics.worker import observe_for_check_in

    made = 0
    model = current_model(now=timezone.now())
    for person_id, image in unlearned():
        try:
            vector = observe_for_check_in(read_image(image), engine=model.name).vector
        except OSError:
            continue  # looked at again with the next one
        except SealBroken:
            vector = None
        unknown_relearn(person_id=person_id, vector=vector, model=model)
        made += vector is not None
    return made


@shared_task
def tidy_sightings() -> int:
    """Every ten minutes: what is to be forgotten, samples of those who have agreed, and vectors
    whose task was lost. Each by itself: nothing keeps back what is to be forgotten."""
    now = timezone.now()
    acts: tuple[tuple[Callable[[], int], str], ...] = (
        (partial(sightings_expire, now=now), "forget sightings"),
        (partial(samples_after_consent, now=now), "make samples of named people"),
        (_relearn_lost, "learn split people again"),
        (partial(searches_forget, now=now), "forget searches"),
    )
    return sum(in_each_campus(act, reason=reason) for act, reason in acts)


def _relearn_lost() -> int:
    if unlearned():
        enqueue(relearn_unknown)
    return 0
