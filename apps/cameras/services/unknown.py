"""People whom nobody knows: put together by their faces, then named, merged, split or dismissed.

Only where the camera keeps them. Vectors are sealed and go with the decision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.comparing import Vector
from apps.biometrics.models import FaceModel, StoredImage
from apps.biometrics.services import sample_add
from apps.biometrics.services.images import images_release
from apps.biometrics.services.registry import current_model
from apps.biometrics.storage import read_image
from apps.cameras.models import Camera, CameraEvent, UnknownPerson
from apps.cameras.selectors import UNKNOWN_SEAL
from apps.cameras.services.events import camera_label
from apps.common.crypto import SealBroken, seal, unseal
from apps.common.errors import Invalid, Refused
from apps.common.measures import count
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consent
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

STRICTER: Final = 0.05
"""By which a face must be nearer to an unknown person than to a template: two people in one row
are worse than one person in two, which a person merges."""
MOST: Final = 2000  # open ones of a campus
WEIGHT: Final = 20  # sightings that a mean is made of; later ones count as the last of so many
PROPOSED_FROM: Final = 3  # sightings
RELEARN_TASK: Final = "apps.cameras.tasks.relearn_unknown"
Status = UnknownPerson.Status


@dataclass(frozen=True, kw_only=True)
class UnknownSighting:
    vector: Vector
    model: FaceModel | None
    at: datetime


def unknown_seen(
    *,
    camera: Camera,
    seen: UnknownSighting,
    keep: Callable[[], StoredImage | None],
    now: datetime,
) -> bool:
    """Add a sighting to the unknown person whose face it is, or to a new one; whether it counts.

    Within the camera's seconds for unknown people it does not. `keep` stores its picture. Runs in
    the caller's transaction, one after another in a campus.
    """
    Campus.objects.select_for_update(no_key=True).get(pk=current_campus_id())
    model = seen.model or current_model(now=now)
    person, mean = _held(_nearest(seen.vector, model))
    if person is None:
        if UnknownPerson.objects.filter(status=Status.OPEN).count() >= MOST:
            count("campus_camera_failures", camera_label(camera), "too_many_unknown")
            return False
        person = UnknownPerson(first_seen=seen.at, last_seen=seen.at, model=model, seen_count=0)
    elif _is_repeated(person, camera, seen.at):
        return False
    image = keep()
    person.seen_count += 1
    person.first_seen = min(person.first_seen, seen.at)
    person.last_seen = max(person.last_seen, seen.at)
    person.image = person.image or image
    person.sealed_vector = _sealed(_mean(mean, seen.vector, person.seen_count))
    person.save()
    CameraEvent.objects.create(
        camera=camera,
        at=seen.at,
        event_type=CameraEvent.Type.UNKNOWN,
        unknown=person,
        image=image,
    )
    _propose(person, camera, seen.at)
    return True


def _propose(person: UnknownPerson, camera: Camera, at: datetime) -> None:
    """An event, and a mark in the gallery. Nobody is registered by it."""
    if not camera.auto_register or person.proposed_at or person.seen_count < PROPOSED_FROM:
        return
    UnknownPerson.objects.filter(pk=person.pk).update(proposed_at=at)
    CameraEvent.objects.create(
        camera=camera,
        at=at,
        event_type=CameraEvent.Type.AUTO_REGISTER,
        unknown=person,
        image=person.image,
    )


def _held(person: UnknownPerson | None) -> tuple[UnknownPerson | None, Vector | None]:
    """The row as it is now, and its mean. None where somebody has just decided about it, split it
    off or deleted it: what was read before must not be written over that."""
    rows = UnknownPerson.objects.select_for_update().filter(status=Status.OPEN)
    pk = person.pk if person is not None else 0
    held = rows.filter(pk=pk).exclude(sealed_vector=None).first()
    return (None, None) if held is None else (held, _opened(held))


def _nearest(vector: Vector, model: FaceModel) -> UnknownPerson | None:
    """The open one whose mean is near enough. One statement; a millisecond for 200."""
    rows, vectors = [], []
    known = UnknownPerson.objects.filter(status=Status.OPEN, model=model)
    for row in known.exclude(sealed_vector=None).order_by("pk"):
        try:
            vectors.append(_opened(row))
        except SealBroken:
            continue  # changed behind our back: compared with nothing
        rows.append(row)
    if not rows:
        return None
    distances = 1.0 - np.array(vectors) @ vector
    place = int(distances.argmin())
    if distances[place] > model.threshold - STRICTER:
        return None
    return rows[place]


def _is_repeated(person: UnknownPerson, camera: Camera, at: datetime) -> bool:
    within = timedelta(seconds=camera.unknown_seconds)
    return person.events.filter(camera=camera, at__gt=at - within, at__lt=at + within).exists()


def _mean(mean: Vector | None, vector: Vector, seen: int) -> Vector:
    if mean is None:
        return vector
    share = 1 / min(seen, WEIGHT)
    mixed = (1 - share) * mean + share * vector
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


def _sealed(vector: Vector) -> bytes:
    plain = np.ascontiguousarray(vector, np.float32).tobytes()
    return seal(UNKNOWN_SEAL, current_campus_id(), plain)


def _opened(person: UnknownPerson) -> Vector:
    plain = unseal(UNKNOWN_SEAL, current_campus_id(), bytes(person.sealed_vector or b""))
    return np.frombuffer(plain, np.float32)


# --- What a person decides -----------------------------------------------------------------------


@transaction.atomic
def unknown_name(*, person: UnknownPerson, student: Student, now: datetime, actor: Actor) -> bool:
    """Say who it is: its sightings become the student's, its picture a sample, by their consent.

    Whether it became a sample at once; without a consent it waits for one as long as it is kept.
    The vector goes. Raises `Refused` (already_decided).
    """
    _decide(person, Status.NAMED, now=now, actor=actor, student=student)
    CameraEvent.objects.filter(unknown=person).update(student=student)
    data = {"student": student.pk, "sightings": person.seen_count}
    log_event(actor=actor, action="cameras.unknown.named", now=now, target=person, data=data)
    return _sample(person, now=now, actor=actor)


@transaction.atomic
def unknown_dismiss(*, person: UnknownPerson, now: datetime, actor: Actor) -> None:
    """It is nobody to know: vector and pictures go. Raises `Refused` (already_decided)."""
    _decide(person, Status.DISMISSED, now=now, actor=actor)
    images = _images_of(person)
    CameraEvent.objects.filter(unknown=person).update(image=None)
    UnknownPerson.objects.filter(pk=person.pk).update(image=None)
    images_release(image_ids=images, now=now)
    log_event(actor=actor, action="cameras.unknown.dismissed", now=now, target=person)


@transaction.atomic
def unknown_merge(*, people: Sequence[UnknownPerson], now: datetime, actor: Actor) -> UnknownPerson:
    """They are one person: the one seen first stays, with the sightings of all.

    Raises `Invalid` (choose_two) and `Refused` (already_decided).
    """
    ids = [person.pk for person in people]
    held = list(
        UnknownPerson.objects.select_for_update()
        .filter(pk__in=ids, status=Status.OPEN)
        .order_by("first_seen", "pk")
    )
    if len(held) < len(ids):
        raise _decided()
    if len(held) < 2:
        raise Invalid("choose_two", _("Choose at least two unknown people to merge."))
    first, others = held[0], held[1:]
    _join(first, others)
    CameraEvent.objects.filter(unknown__in=others).update(unknown=first)
    UnknownPerson.objects.filter(pk__in=[other.pk for other in others]).delete()
    data = {"merged": [other.pk for other in others], "sightings": first.seen_count}
    log_event(actor=actor, action="cameras.unknown.merged", now=now, target=first, data=data)
    return first


def _join(first: UnknownPerson, others: Sequence[UnknownPerson]) -> None:
    vectors = [
        (person.seen_count, _opened(person))
        for person in (first, *others)
        if person.sealed_vector is not None and person.model_id == first.model_id
    ]
    if vectors:
        total = sum(seen * vector for seen, vector in vectors)
        first.sealed_vector = _sealed(np.asarray(total / np.linalg.norm(total), np.float32))
    first.seen_count += sum(other.seen_count for other in others)
    first.last_seen = max(person.last_seen for person in (first, *others))
    first.image_id = next((p.image_id for p in (first, *others) if p.image_id), None)
    first.save()


@transaction.atomic
def unknown_split(*, events: Sequence[CameraEvent], now: datetime, actor: Actor) -> UnknownPerson:
    """These sightings of one unknown person are another one.

    Vectors are kept of people, not of sightings: the new one is compared with later faces only when
    its first picture has been looked at again (`unknown_relearn`), and so is the old one. Raises
    `Invalid` (choose_some_of_one) and `Refused` (already_decided).
    """
    owners = {event.unknown_id for event in events}
    named = [pk for pk in owners if pk is not None]
    person = UnknownPerson.objects.select_for_update().filter(pk__in=named).first()
    sightings = [event for event in events if event.event_type == CameraEvent.Type.UNKNOWN]
    theirs = CameraEvent.objects.filter(unknown=person, event_type=CameraEvent.Type.UNKNOWN)
    if person is None or len(owners) != 1 or not 0 < len(sightings) < theirs.count():
        message = _("Choose some, and not all, sightings of one unknown person.")
        raise Invalid("choose_some_of_one", message)
    if person.status != Status.OPEN:
        raise _decided()
    moments = [event.at for event in sightings]
    new = UnknownPerson.objects.create(
        first_seen=min(moments),
        last_seen=max(moments),
        seen_count=len(sightings),
        model_id=person.model_id,
        image_id=next((event.image_id for event in sightings if event.image_id), None),
    )
    if theirs.filter(pk__in=[event.pk for event in sightings]).update(unknown=new) < len(sightings):
        raise _decided()  # split off by somebody else meanwhile
    left = theirs.exclude(image=None).order_by("at", "pk")
    person.seen_count -= len(sightings)
    person.image_id = left.values_list("image_id", flat=True).first()
    person.sealed_vector = None
    person.save()
    data = {"from": person.pk, "sightings": new.seen_count}
    log_event(actor=actor, action="cameras.unknown.split", now=now, target=new, data=data)
    enqueue(RELEARN_TASK)
    return new


def _decide(
    person: UnknownPerson,
    status: str,
    *,
    now: datetime,
    actor: Actor,
    student: Student | None = None,
) -> None:
    rows = UnknownPerson.objects.filter(pk=person.pk, status=Status.OPEN)
    values = {"decided_by": actor.label[:254], "decided_at": now, "sealed_vector": None}
    if not rows.update(status=status, student=student, **values):
        raise _decided()
    person.refresh_from_db()


def _decided() -> Refused:
    return Refused("already_decided", _("Somebody has decided about this person already."))


def _images_of(person: UnknownPerson) -> set[UUID]:
    events = CameraEvent.objects.filter(unknown=person).exclude(image=None)
    return {pk for pk in (person.image_id, *events.values_list("image_id", flat=True)) if pk}


# --- Samples -------------------------------------------------------------------------------------


def samples_after_consent(*, now: datetime) -> int:
    """Pictures of named people who have agreed meanwhile become samples; how many."""
    waiting = UnknownPerson.objects.filter(
        status=Status.NAMED, sampled_at=None, image__isnull=False
    )
    agreed = waiting.filter(
        student__consents__kind=Consent.Kind.FACE, student__consents__withdrawn_at=None
    )
    people = agreed.select_related("student", "image").order_by("pk").distinct()
    return sum(_sample(person, now=now, actor=SYSTEM) for person in people)


def _sample(person: UnknownPerson, *, now: datetime, actor: Actor) -> bool:
    """Whether it became one; a worker judges it like any other photo."""
    if person.image is None or person.student is None:
        return False
    if active_consent(student=person.student, kind=Consent.Kind.FACE) is None:
        return False
    try:
        with transaction.atomic():
            data = read_image(person.image)
            sample_add(student=person.student, data=data, actor=actor, now=now)
    except (OSError, SealBroken, Refused):
        return False  # tried again while the picture is kept
    UnknownPerson.objects.filter(pk=person.pk).update(sampled_at=now)
    return True


# --- Vectors that a split has taken away ---------------------------------------------------------


def unlearned() -> list[tuple[int, StoredImage]]:
    """Open people without a vector, and the picture to make one of; a hundred at most."""
    rows = UnknownPerson.objects.filter(
        status=Status.OPEN, sealed_vector=None, model__isnull=False, image__isnull=False
    )
    found = rows.select_related("image").order_by("pk")[:100]
    return [(row.pk, row.image) for row in found if row.image is not None]


def unknown_relearn(*, person_id: int, vector: Vector | None, model: FaceModel) -> None:
    """Compare with later faces again, by the model that made the vector; by None never more, as its
    picture shows no clear face."""
    rows = UnknownPerson.objects.filter(pk=person_id, status=Status.OPEN, sealed_vector=None)
    if vector is None:
        rows.update(model=None)
    else:
        rows.update(sealed_vector=_sealed(vector), model=model)
