"""What is kept of leave and appeals: that a mark was excused stays, why it was goes."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from apps.audit.services import Actor
from apps.leave.attachments import read_file
from apps.leave.models import Appeal, Attachment, LeaveRequest
from apps.leave.services.attachments import attachments_erase_now
from apps.privacy.registry import (
    KnownPerson,
    PersonFile,
    PersonRows,
    add_person_eraser,
    add_person_files,
    add_person_rows,
    of_actor,
    of_student,
    pseudonym,
)

EXCUSED = "marks were excused or changed by it"
DECIDED = {"decided_by_id": pseudonym, "decided_by": "erased"}


def register() -> None:
    add_person_rows(
        PersonRows(model=Attachment, rows=of_student(), withheld=("key",), deleted=True),
        PersonRows(
            model=LeaveRequest,
            rows=of_student(),
            blanked={"reason": "erased", "category": "other", "decision_note": ""},
            because=EXCUSED,
        ),
        PersonRows(
            model=Appeal,
            rows=of_student(),
            blanked={"text": "erased", "decision_note": ""},
            because=EXCUSED,
        ),
        *(
            PersonRows(
                model=model,
                part="decided",
                rows=of_actor("decided_by_id"),
                exported=False,  # somebody else's request
                blanked=DECIDED,
                because="requests of other people",
            )
            for model in (LeaveRequest, Appeal)
        ),
    )
    add_person_eraser(erase_attachments)
    add_person_files(attachment_files)


def erase_attachments(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Documents that the student handed in, rows and sealed files."""
    erased = attachments_erase_now(student_id=person.student_id or 0)
    return {"documents": erased} if erased else {}


def attachment_files(*, person: KnownPerson) -> Iterator[PersonFile]:
    for row in Attachment.objects.filter(student_id=person.student_id or 0).order_by("pk"):
        ending = "pdf" if row.kind == Attachment.Kind.PDF else "jpg"
        yield (
            f"documents/{row.stored_at:%Y-%m-%d}-{row.pk}.{ending}",
            partial(read_file, key=row.key),
        )
