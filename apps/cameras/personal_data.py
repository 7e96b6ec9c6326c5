"""Where cameras saw a person. All of it goes with the consent, or after its days."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from apps.accounts.models import Student
from apps.audit.services import Actor
from apps.biometrics.services.images import images_erase_now
from apps.biometrics.storage import read_image
from apps.cameras.models import (
    Camera,
    CameraEvent,
    CameraFrame,
    CameraSystemEvent,
    UnknownPerson,
)
from apps.cameras.services.forgetting import images_of, sightings_forget
from apps.privacy.registry import (
    KnownPerson,
    PersonFile,
    PersonRows,
    add_impersonal,
    add_person_files,
    add_person_rows,
    of_student,
)


def register() -> None:
    add_impersonal("of a room", Camera)
    add_impersonal("of the watching itself; it names nobody", CameraSystemEvent)
    add_impersonal("pictures of a room, until a worker has looked at them", CameraFrame)
    add_person_files(sighting_files)
    add_person_rows(
        PersonRows(model=UnknownPerson, rows=of_student(), deleted=True),
        PersonRows(model=CameraEvent, rows=of_student(), deleted=True),
    )


def erase_sightings(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Sightings with their sealed pictures, done when this returns."""
    if person.student_id is None:
        return {}
    student = Student.objects.get(pk=person.student_id)
    image_ids = images_of(student=student)
    removed = sightings_forget(student=student, now=now, actor=actor)
    erased = images_erase_now(image_ids=image_ids, now=now)
    return {"sightings": removed, "pictures of sightings": erased}


def sighting_files(*, person: KnownPerson) -> Iterator[PersonFile]:
    """The pictures of the person's sightings, each once."""
    events = CameraEvent.objects.filter(
        student_id=person.student_id or 0, image__isnull=False
    ).select_related("image")
    for event in events.order_by("image_id", "pk").distinct("image_id"):
        if event.image is not None:
            yield f"sightings/{event.at:%Y-%m-%d}-{event.pk}.jpg", partial(read_image, event.image)
