"""What was noticed about a person."""

from apps.integrity.models import Finding
from apps.privacy.registry import PersonRows, add_person_rows, of_student


def register() -> None:
    add_person_rows(PersonRows(model=Finding, rows=of_student(), deleted=True))
