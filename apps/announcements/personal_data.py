"""What class representatives wrote."""

from apps.announcements.models import Announcement
from apps.privacy.registry import PersonRows, add_person_rows, of_student


def register() -> None:
    add_person_rows(
        PersonRows(
            model=Announcement,
            rows=of_student("sender_id"),
            because="what the class was told; it names nobody once the student is erased",
        )
    )
