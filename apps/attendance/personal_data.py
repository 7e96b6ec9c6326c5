"""What the register keeps of a person: marks and sums stay, words go."""

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    BulkChange,
    CustomStatus,
    Policy,
    RecordChange,
)
from apps.privacy.registry import (
    PersonRows,
    add_impersonal,
    add_person_rows,
    of_actor,
    of_student,
    pseudonym,
)

REGISTER = "registers keep their sums; it names nobody once the student is erased"
ACTED = {"actor_id": pseudonym, "actor_label": "erased"}


def register() -> None:
    add_person_rows(
        PersonRows(
            model=AttendanceRecord,
            rows=of_student(),
            blanked={"notes": ""},
            because=REGISTER,
        ),
        PersonRows(model=AttendanceSummary, rows=of_student(), because=REGISTER),
        PersonRows(
            model=RecordChange, rows=of_student(), blanked={"reason": "erased"}, because=REGISTER
        ),
        PersonRows(
            model=RecordChange,
            part="made",
            rows=of_actor(),
            blanked=ACTED,
            because="marks of other people",
        ),
        PersonRows(
            model=BulkChange,
            rows=of_actor(),
            withheld=("results",),
            blanked=ACTED,
            because="marks of other people",
        ),
    )
    add_impersonal("rules of courses", CustomStatus, Policy)
