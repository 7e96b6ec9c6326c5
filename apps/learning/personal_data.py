"""What learning keeps of a person. The photo and its template are those of the sample."""

from apps.learning.models import FaceDrift, LearnedSample, LearningSetting
from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_student


def register() -> None:
    add_person_rows(
        PersonRows(model=LearnedSample, rows=of_student(), deleted=True),
        PersonRows(model=FaceDrift, rows=of_student(), deleted=True),
    )
    add_impersonal("whether faces are learned", LearningSetting)
