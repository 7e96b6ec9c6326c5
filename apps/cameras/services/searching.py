"""An administrator asks whose face a photo shows, among all students of the campus.

A job of a worker that has the engines. The photo goes as soon as it was searched, or could not be,
what was found after a day; the audit log keeps who asked and why, without names of whom it was.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.biometrics.images import check_photo
from apps.biometrics.models import FaceModel, StoredImage
from apps.biometrics.services.images import image_store, images_release
from apps.biometrics.storage import read_image
from apps.cameras.reading import FaceSighting
from apps.cameras.services.matching import confidence_of
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.services import job_start
from apps.privacy.models import SearchPermission
from apps.privacy.selectors import search_require
from apps.recognition.services import (
    CLEAR,
    FaceAnswer,
    FaceFound,
    find_students_of_campus,
    require_faces,
)
from apps.tenants.locks import lock
from apps.tenants.storage import told

SEARCH: Final = "cameras.search"
PHOTO_KEPT: Final = timedelta(hours=1)  # at most, for a worker that is away
FOUND_KEPT: Final = timedelta(days=1)
MOST_CANDIDATES: Final = 3
MOST_AT_ONCE: Final = 3  # of a campus: the workers are those of all campuses' check-ins
UNDER_WAY: Final = (Job.Status.QUEUED, Job.Status.RUNNING)


@transaction.atomic
def search_start(
    *, photo: bytes, reason: str, user_id: int | None, now: datetime, actor: Actor
) -> Job:
    """Queue the search. Raises `images.ImageRefused`, and `Refused`: a code of
    `privacy.search_problems.SearchProblem` or face_disabled (403), too_many_searches (429),
    storage_unavailable (503)."""
    search_require(covers=SearchPermission.Covers.CAMPUS)
    require_faces()
    check_photo(photo)
    lock("FIND")  # of two at once one is counted first
    if Job.objects.filter(kind=SEARCH, status__in=UNDER_WAY).count() >= MOST_AT_ONCE:
        message = _("%(count)d searches of this campus are under way. Wait for one to end.")
        raise Refused("too_many_searches", message % {"count": MOST_AT_ONCE}, status=429)
    image = image_store(data=photo, now=now, kept_for=PHOTO_KEPT)
    job = job_start(
        kind=SEARCH,
        title=_("Search of the campus by a photo"),
        params={"image": str(image.pk), "actor": [actor.id, actor.label]},
        user_id=user_id,
        now=now,
    )
    data = {"reason": reason, "sha256": image.sha256}
    log_event(actor=actor, action="cameras.campus.asked", now=now, target=job, data=data)
    return job


def photo_of_search(job: Job) -> bytes:
    """What was uploaded. Raises `Refused`: photo_gone (404), and what `storage.told` does."""
    image = StoredImage.objects.filter(pk=UUID(job.params["image"])).first()
    if image is None:
        raise Refused("photo_gone", _("The photo is gone. Send it again."), status=404)
    with told(_("The photo cannot be read right now.")):
        return read_image(image)


@transaction.atomic
def search_answer(
    *, job: Job, faces: list[FaceSighting], model: FaceModel, now: datetime
) -> dict[str, Any]:
    """Whom the clear faces of the photo show; the photo goes. Raises what
    `find_students_of_campus` does."""
    found: list[FaceFound] = []
    if faces:
        identity, label = job.params["actor"]
        found = find_students_of_campus(
            vectors=_vectors(faces), actor=Actor(id=identity, label=label), now=now, model=model
        )
    _photo_release(job, now)
    return {"faces": [_face(each) for each in found]}


def search_ended(job: Job, *, now: datetime) -> None:
    """The photo of one that failed goes as well."""
    if job.status == Job.Status.FAILED:
        _photo_release(job, now)


def _photo_release(job: Job, now: datetime) -> None:
    """Unless another search of the same photo waits for it."""
    others = Job.objects.filter(kind=SEARCH, status__in=UNDER_WAY).exclude(pk=job.pk)
    image = job.params.get("image")
    if image and not others.filter(params__image=image).exists():
        images_release(image_ids=[UUID(image)], now=now)


def _vectors(faces: list[FaceSighting]) -> Any:
    import numpy as np

    return np.array([face.vector for face in faces], np.float32)


def _face(found: FaceFound) -> dict[str, Any]:
    """Nobody who is merely the nearest of all is named."""
    near = [each for each in found.candidates if each.excess <= CLEAR]
    if found.answer == FaceAnswer.UNKNOWN:
        near = []
    elif found.answer == FaceAnswer.KNOWN:
        near = near[:1]
    return {
        "answer": found.answer.value,
        "students": [
            {"id": each.student_id, "confidence": confidence_of(each)}
            for each in near[:MOST_CANDIDATES]
        ],
    }


def searches_forget(*, now: datetime) -> int:
    """Whom searches of the entered campus found, a day later; how many."""
    old = Job.objects.filter(kind=SEARCH, created_at__lt=now - FOUND_KEPT)
    return old.exclude(result={}, params={}).update(result={}, params={})
