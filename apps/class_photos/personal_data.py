"""Whose faces are under review. All of it goes within a day; see `services.reviews`."""

from django.db.models import Q

from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.class_photos.selectors import showing
from apps.privacy.registry import (
    NOBODY,
    KnownPerson,
    PersonRows,
    add_impersonal,
    add_person_rows,
    of_actor,
    pseudonym,
)


def register() -> None:
    add_impersonal("counts of faces; it names nobody", PhotoReview)
    add_person_rows(
        PersonRows(
            model=ClassPhoto,
            rows=of_actor(),
            blanked={"actor_id": pseudonym, "actor_label": "erased"},
            because="photos of other people, until they have been reviewed",
        ),
        # Of a doubtful face, others are named too.
        PersonRows(model=PhotoFace, rows=_faces_of, withheld=("candidates",), deleted=True),
    )


def _faces_of(person: KnownPerson) -> Q:
    return showing(person.student_id) if person.student_id else NOBODY
