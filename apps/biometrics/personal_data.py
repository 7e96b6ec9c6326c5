"""What is kept of a person's face, and how it goes."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from apps.accounts.models import Student
from apps.audit.services import Actor
from apps.biometrics.models import (
    CampusThreshold,
    FaceModel,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    StoredImage,
    TemplateKey,
)
from apps.biometrics.services import faces_erase
from apps.biometrics.services.images import images_erase_now
from apps.biometrics.storage import read_image
from apps.privacy.registry import (
    KnownPerson,
    PersonFile,
    PersonRows,
    add_impersonal,
    add_person_eraser,
    add_person_files,
    add_person_rows,
    of_student,
)


def register() -> None:
    add_person_rows(
        PersonRows(model=FaceSample, rows=of_student(), deleted=True),
        # A vector says nothing to a person, and would be worth copying to somebody else.
        PersonRows(
            model=FaceTemplate, rows=of_student(), withheld=("vector", "frame"), deleted=True
        ),
        PersonRows(model=FaceVerification, rows=of_student(), deleted=True),
    )
    add_impersonal("what samples and check-ins refer to, and what goes with them", StoredImage)
    add_impersonal("settings of comparing", CampusThreshold, FaceModel, TemplateKey)
    add_person_eraser(erase_faces)
    add_person_files(face_files)


def erase_faces(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Samples, templates and their sealed photos, also such as other rows refer to."""
    if person.student_id is None:
        return {}
    student = Student.objects.get(pk=person.student_id)
    samples = FaceSample.objects.filter(student=student)
    image_ids = set(samples.values_list("image_id", flat=True))
    removed = faces_erase(student=student, now=now, actor=actor)
    return {"faces": removed, "face images": images_erase_now(image_ids=image_ids, now=now)}


def face_files(*, person: KnownPerson) -> Iterator[PersonFile]:
    samples = FaceSample.objects.filter(student_id=person.student_id or 0).select_related("image")
    for sample in samples.order_by("pk"):
        yield f"faces/{sample.pk}.jpg", partial(read_image, sample.image)
