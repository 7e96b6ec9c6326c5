"""What is kept of who reads and holds which class."""

from apps.privacy.registry import (
    PersonRows,
    add_impersonal,
    add_person_rows,
    of_faculty,
    of_user,
)
from apps.timetable.models import (
    CalendarLink,
    GeneratedSession,
    Holiday,
    SlotCourse,
    WeeklySlot,
)


def register() -> None:
    add_person_rows(
        PersonRows(
            model=GeneratedSession,
            rows=of_faculty(),
            exported=False,  # the sessions themselves are
            because="which sessions the timetable made",
        ),
        PersonRows(model=CalendarLink, rows=of_user(), deleted=True),
    )
    add_impersonal("the timetable", Holiday, SlotCourse, WeeklySlot)
