"""What is kept of a person's head turns, and how it goes."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from apps.audit.services import Actor
from apps.biometrics.services.images import images_erase_now
from apps.biometrics.storage import read_image
from apps.liveness.models import LivenessCheck, LivenessFrame
from apps.privacy.registry import (
    KnownPerson,
    PersonFile,
    PersonRows,
    add_person_eraser,
    add_person_files,
    add_person_rows,
    of_student,
)


def register() -> None:
    add_person_rows(
        PersonRows(model=LivenessCheck, rows=of_student(), deleted=True),
        PersonRows(model=LivenessFrame, rows=of_student(), withheld=("fingerprint",), deleted=True),
    )
    add_person_eraser(erase_frames)
    add_person_files(frame_files)


def erase_frames(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """The sealed frames, rows and objects."""
    if person.student_id is None:
        return {}
    frames = LivenessFrame.objects.filter(student_id=person.student_id, image__isnull=False)
    image_ids = {pk for pk in frames.values_list("image_id", flat=True) if pk is not None}
    return {"frames": images_erase_now(image_ids=image_ids, now=now)}


def frame_files(*, person: KnownPerson) -> Iterator[PersonFile]:
    frames = LivenessFrame.objects.filter(
        student_id=person.student_id or 0, image__isnull=False
    ).select_related("image")
    for frame in frames.order_by("pk"):
        if frame.image is not None:
            name = f"frames/{frame.seen_at:%Y-%m-%d}-{frame.check_of_id}-{frame.number}.jpg"
            yield name, partial(read_image, frame.image)
