"""What a service said of somebody, and reports that name people."""

from datetime import datetime
from typing import Final

from django.db.models import Q

from apps.audit.services import Actor
from apps.oneroster.models import (
    OneRosterClient,
    OneRosterConnection,
    OneRosterRow,
    OneRosterRun,
)
from apps.privacy.registry import (
    NOBODY,
    KnownPerson,
    PersonRows,
    add_impersonal,
    add_person_eraser,
    add_person_rows,
    of_user,
)

NAMING: Final = ("removed_names", "invited_addresses", "notes", "reasons")  # of a report


def register() -> None:
    add_person_rows(
        PersonRows(model=OneRosterRow, rows=_of_person, deleted=True),
        PersonRows(
            model=OneRosterRun,
            rows=of_user("created_by_id"),
            withheld=("result", "problems"),
            blanked={"created_by_id": None},
            because="that a service was read",
        ),
    )
    add_impersonal("addresses of other systems", OneRosterConnection)
    add_impersonal("systems that read the roster, and by which agreement", OneRosterClient)
    add_person_eraser(erase_reports)


def _of_person(person: KnownPerson) -> Q:
    found = NOBODY
    if person.student_id:
        found |= Q(student_id=person.student_id)
    if person.faculty_id:
        found |= Q(faculty_id=person.faculty_id)
    return found


def erase_reports(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """The names in every report of the campus: whose they are is not known without reading it."""
    done = 0
    for run in OneRosterRun.objects.exclude(result={}, problems=[]):
        kept = {name: value for name, value in run.result.items() if name not in NAMING}
        if run.problems or kept != run.result:
            run.problems, run.result = [], kept
            run.save(update_fields=["problems", "result"])
            done += 1
    return {"roster_reports": done} if done else {}
