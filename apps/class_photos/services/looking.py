"""What a worker does with a photo, in steps: take it, look at it, write down whom it shows.

No transaction is open while it looks, which takes seconds; each start is counted before.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import F

from apps.audit.services import Actor, log_event
from apps.biometrics.models import FaceModel
from apps.biometrics.services.images import image_store, images_release
from apps.biometrics.storage import read_image
from apps.class_photos.models import (
    ClassPhoto,
    FaceMeaning,
    PhotoFace,
    PhotoProblem,
    PhotoReview,
)
from apps.class_photos.selectors import OVERDUE, faces_of, student_ids_of
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.recognition.services import (
    CLEAR,
    Candidate,
    FaceAnswer,
    FaceFound,
    find_matching_students_of_photo,
)

if TYPE_CHECKING:
    from apps.class_photos.worker import FaceSeen, PhotoSeen

MAX_STARTS: Final = 3
MOST_CANDIDATES: Final = 3
LEAST_KEPT: Final = timedelta(minutes=1)
Status = ClassPhoto.Status


@transaction.atomic
def photo_claim(*, photo_id: int, now: datetime) -> bool:
    """Count a start; whether there is something to do. After three starts it has failed."""
    waiting = ClassPhoto.objects.filter(pk=photo_id, status=Status.WAITING)
    if not waiting.update(starts=F("starts") + 1, queued_at=now):
        return False
    if waiting.filter(starts__gt=MAX_STARTS).exists():
        photo_fail(photo_id=photo_id, problem=PhotoProblem.WORKER_LOST)
        return False
    return True


def photo_read(*, photo_id: int) -> bytes | None:
    """What was uploaded; None, and the photo has failed, where it is gone or was changed.

    Raises `OSError` while the storage does not answer.
    """
    photo = ClassPhoto.objects.filter(pk=photo_id).select_related("image").first()
    if photo is None:
        return None
    if photo.image is None:
        photo_fail(photo_id=photo_id, problem=PhotoProblem.GONE)
        return None
    try:
        return read_image(photo.image)
    except SealBroken:
        photo_fail(photo_id=photo_id, problem=PhotoProblem.DAMAGED)
        return None


def photo_fail(*, photo_id: int, problem: PhotoProblem) -> None:
    """The page shows why; a photo that was searched meanwhile stays so."""
    waiting = ClassPhoto.objects.filter(pk=photo_id, status=Status.WAITING)
    waiting.update(status=Status.FAILED, problem=problem)


def photos_give_up(*, now: datetime) -> int:
    """Photos on which nobody has worked in ten minutes have failed; how many."""
    waiting = ClassPhoto.objects.filter(status=Status.WAITING, added_at__lt=now - OVERDUE)
    return waiting.update(status=Status.FAILED, problem=PhotoProblem.TOO_LONG)


@transaction.atomic
def photo_seen(
    *, photo_id: int, seen: "PhotoSeen", now: datetime, model: FaceModel | None = None
) -> None:
    """Compare the faces with the session's register and keep what was found; done once only.

    A photo is replaced by the smaller copy without metadata. Where searching was switched off
    meanwhile the photo has failed. Where the campus went over to another face model than `model`,
    which made the vectors, it goes on waiting, and is looked at again.
    """
    photo = ClassPhoto.objects.filter(pk=photo_id).first()
    if photo is None:
        return
    review = (
        PhotoReview.objects.select_for_update(no_key=True, of=("self",))
        .select_related("session")
        .get(pk=photo.review_id)
    )
    photo = ClassPhoto.objects.filter(pk=photo_id, status=Status.WAITING).first()
    if photo is None:
        return
    actor = Actor(id=photo.actor_id, label=photo.actor_label)
    try:
        found = _found(review, seen, model, actor=actor, now=now)
    except Refused as refused:
        if refused.code == "model_changed":
            return
        photo_fail(photo_id=photo_id, problem=PhotoProblem.REFUSED)
        return
    uploaded = photo.image_id
    kept_for = max(review.delete_after - now, LEAST_KEPT)
    photo.image = image_store(data=seen.jpeg, now=now, kept_for=kept_for)
    photo.width, photo.height = seen.size
    photo.status = Status.DONE
    photo.save(update_fields=["image", "width", "height", "status"])
    if uploaded is not None and uploaded != photo.image_id:
        images_release(image_ids=[uploaded], now=now)
    faces = zip(seen.faces, found, strict=True)
    PhotoFace.objects.bulk_create(
        _face(photo, number, *each) for number, each in enumerate(faces, start=1)
    )
    _name_each_once(review)
    _write_down(photo, review, actor=actor, now=now)


def _found(
    review: PhotoReview,
    seen: "PhotoSeen",
    model: FaceModel | None,
    *,
    actor: Actor,
    now: datetime,
) -> list[FaceFound]:
    return find_matching_students_of_photo(
        vectors=seen.vectors,
        student_ids=student_ids_of(review.session),
        actor=actor,
        now=now,
        model=model,
    )


def _face(photo: ClassPhoto, number: int, seen: "FaceSeen", found: FaceFound) -> PhotoFace:
    """As it is kept: no vector, and no candidate of a face that is nobody's."""
    left, top, width, height = seen.box
    face = PhotoFace(photo=photo, number=number, left=left, top=top, width=width, height=height)
    if found.answer == FaceAnswer.UNKNOWN:
        face.meaning = FaceMeaning.UNKNOWN
    elif found.answer == FaceAnswer.KNOWN and seen.clear:
        face.meaning = FaceMeaning.KNOWN
        face.student_id = found.student_id
        face.confidence = confidence_of(found.candidates[0])
    else:
        face.meaning = FaceMeaning.DOUBTFUL
        near = [each for each in found.candidates if each.excess <= CLEAR]
        face.candidates = [
            {"student": each.student_id, "confidence": confidence_of(each)}
            for each in near[:MOST_CANDIDATES]
        ]
    return face


def confidence_of(candidate: Candidate) -> float:
    """0..1, two places: 1 for the very same picture, 0.5 at the limit of what is a match."""
    return round(min(1.0, max(0.0, 1 - candidate.distance / (2 * candidate.limit))), 2)


def _name_each_once(review: PhotoReview) -> None:
    """A student in several photos is one proposal: the face that is surest, or was confirmed."""
    named = [face for face in faces_of(review) if face.student_id is not None]
    best: dict[int | None, PhotoFace] = {}
    for face in sorted(named, key=lambda each: (each.bulk_id is None, -(each.confidence or 0))):
        best.setdefault(face.student_id, face)
    for face in named:
        is_best = best[face.student_id] is face
        face.meaning = FaceMeaning.KNOWN if is_best else FaceMeaning.AGAIN
    PhotoFace.objects.bulk_update(named, ["meaning"])


def _write_down(photo: ClassPhoto, review: PhotoReview, *, actor: Actor, now: datetime) -> None:
    """Who searched in which session, and how many faces of which kind; no names."""
    meanings = [face.meaning for face in photo.faces.all()]
    data = {
        "session": review.session_id,
        "review": review.pk,
        "faces": len(meanings),
        **{meaning.value: meanings.count(meaning) for meaning in FaceMeaning},
    }
    log_event(actor=actor, action="class_photos.photo.searched", now=now, target=photo, data=data)
