"""An uploaded system holds everybody: its files go, that it was moved in stays."""

from datetime import datetime

from apps.audit.services import Actor
from apps.legacy.models import LegacyMove
from apps.legacy.services.files import report_delete, upload_delete
from apps.privacy.registry import (
    KnownPerson,
    PersonRows,
    add_person_eraser,
    add_person_rows,
    of_user,
)


def register() -> None:
    add_person_rows(
        PersonRows(
            model=LegacyMove,
            rows=of_user("created_by_id"),
            withheld=("stored_as", "report_as"),
            blanked={"created_by_id": None},
            because="that an older system was moved in",
        )
    )
    add_person_eraser(erase_moves)


def erase_moves(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Every upload and report of the campus: nobody knows who is in one without reading it."""
    moves = LegacyMove.objects.exclude(stored_as="", report_as="")
    gone = sum(upload_delete(move) + report_delete(move) for move in moves)
    return {"legacy_files": gone} if gone else {}
