"""Uploaded rosters hold everybody: their files go, that they were read stays."""

from datetime import datetime

from apps.audit.services import Actor
from apps.imports.models import ImportAnswer, ImportRun
from apps.imports.services.files import run_files_delete
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
            model=ImportRun,
            rows=of_user("created_by_id"),
            withheld=("stored_as", "marked_as", "problems", "questions"),
            blanked={"created_by_id": None},
            because="that a file was read",
        ),
        PersonRows(
            model=ImportAnswer,
            rows=of_user("answered_by_id"),
            blanked={"answered_by_id": None},
            because="how files of a kind are read",
        ),
    )
    add_person_eraser(erase_uploads)


def erase_uploads(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Every uploaded file of the campus, and the rows of it that are shown as wrong.

    Nobody knows who is in a file without reading it. An import that waits has to be uploaded again.
    """
    runs = ImportRun.objects.exclude(stored_as="", marked_as="", problems=[], questions=[])
    gone = sum(map(run_files_delete, runs))
    return {"uploads": gone} if gone else {}
