"""The life of a review: photos are added, and go when it is finished or its time is over."""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for, refuse_edit
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.images import check_photo
from apps.biometrics.selectors import open_image
from apps.biometrics.services.images import image_store, images_release
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.class_photos.selectors import (
    faces_of,
    open_review,
    photo_of,
    photos_refusal,
    photos_require,
    review_required,
    showing,
    student_ids_of,
)
from apps.common.errors import Refused
from apps.privacy.selectors import privacy_rules
from apps.recognition.services import LARGEST_ROSTER
from apps.sessions.models import ClassSession
from apps.tenants.storage import told
from apps.tenants.tasks import enqueue

MOST_PHOTOS: Final = 5
LOOK_TASK: Final = "apps.class_photos.tasks.look_at_photo"


@transaction.atomic
def photo_add(
    *,
    session: ClassSession,
    data: bytes,
    now: datetime,
    actor: Actor,
    role: Editor = Editor.LECTURER,
) -> ClassPhoto:
    """Keep the bytes of a photo for a worker to search, in the session's open review.

    The first one begins a review. The same photo again is the first one. Raises
    `images.ImageRefused`, and `Refused`: what `photos_require` and `edit_refusal` say,
    too_many_photos, roster_too_large (400), storage_unavailable (503).
    """
    photos_require(session)
    policy = policy_for(course=session.course)
    refuse_edit(edit_refusal(session=session, role=role, policy=policy, now=now))
    check_photo(data)
    ClassSession.objects.select_for_update(no_key=True).get(pk=session.pk)  # one after another
    sha256 = hashlib.sha256(data).hexdigest()
    review = open_review(session) or _begun(session, now)
    photos = list(review.photos.all())
    known = next((photo for photo in photos if photo.sha256 == sha256), None)
    if known is not None:
        return known
    if len(photos) >= MOST_PHOTOS:
        message = _("There are %(count)d photos already. Finish with them first.")
        raise Refused("too_many_photos", message % {"count": MOST_PHOTOS})
    image = image_store(data=data, now=now, kept_for=review.delete_after - now)
    photo = ClassPhoto.objects.create(
        review=review,
        number=max((each.number for each in photos), default=0) + 1,
        sha256=sha256,
        image=image,
        actor_id=actor.id,
        actor_label=actor.label,
        added_at=now,
    )
    facts = {"session": session.pk, "review": review.pk}
    log_event(actor=actor, action="class_photos.photo.added", now=now, target=photo, data=facts)
    enqueue(LOOK_TASK, photo.pk)
    return photo


def _begun(session: ClassSession, now: datetime) -> PhotoReview:
    if len(student_ids_of(session)) > LARGEST_ROSTER:
        message = _("At most %(count)d students can be searched at once.")
        raise Refused("roster_too_large", message % {"count": LARGEST_ROSTER}, status=400)
    kept = timedelta(hours=privacy_rules().class_photos_hours)
    return PhotoReview.objects.create(session=session, started_at=now, delete_after=now + kept)


def photo_open(*, session: ClassSession, number: int, now: datetime, actor: Actor) -> bytes:
    """A photo under review as a person may see it, and the audit log says who looked.

    Raises `Refused`: what `photos_require` says, no_review and no_image (404), and what
    `storage.told` does.
    """
    photo = photo_of(review=review_required(session), number=number)
    photos_require(session)
    assert photo.image is not None
    with told(_("The photo cannot be read right now.")):
        return open_image(photo.image, reason="review of a class photo", actor=actor, now=now)


@transaction.atomic
def review_finish(*, review: PhotoReview, now: datetime, actor: Actor) -> bool:
    """Delete the photos and all that was found in them; the counts stay. False when it was done."""
    held = PhotoReview.objects.select_for_update(no_key=True).filter(pk=review.pk, finished_at=None)
    found = held.first()
    if found is None:
        return False
    faces = list(faces_of(found))
    photos = ClassPhoto.objects.filter(review=found)
    image_ids = [pk for pk in photos.values_list("image_id", flat=True) if pk is not None]
    found.photo_count, found.face_count = photos.count(), len(faces)
    found.confirmed_count = sum(face.bulk is not None and not face.bulk.undone_at for face in faces)
    found.finished_at = now
    found.save()
    photos.delete()
    images_release(image_ids=image_ids, now=now)
    data = {
        "session": found.session_id,
        "photos": found.photo_count,
        "faces": found.face_count,
        "confirmed": found.confirmed_count,
    }
    log_event(actor=actor, action="class_photos.review.finished", now=now, target=found, data=data)
    return True


def reviews_expire(*, now: datetime) -> int:
    """Finish the entered campus's reviews whose time is over, or that are permitted no more."""
    done = 0
    reviews = PhotoReview.objects.filter(finished_at=None).select_related("session__course")
    for review in reviews.order_by("pk"):
        if review.delete_after <= now or photos_refusal(review.session) is not None:
            done += review_finish(review=review, now=now, actor=SYSTEM)
    return done


def photos_unlink(image_ids: Collection[UUID]) -> int:
    """Before images are deleted."""
    return ClassPhoto.objects.filter(image__in=image_ids).update(image=None)


def faces_forget(*, student: Student, now: datetime, actor: Actor) -> int:
    """Who withdraws the consent is proposed no more; marks that were confirmed stay."""
    return PhotoFace.objects.filter(showing(student.pk)).delete()[0]
