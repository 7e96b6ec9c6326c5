"""What the parts of AMS share: ids of the old tables and what they became."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from apps.classrooms.models import Classroom
from apps.enrollments.models import Course, Term
from apps.legacy.writing.history import History
from apps.legacy.writing.run import Run
from apps.legacy.writing.study import year_of


@dataclass
class AmsSchool:
    """Old ids (as text; people's and subjects' are their codes, lower case) → what is here now."""

    run: Run
    students: dict[str, Any] = field(default_factory=dict)
    faculty: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, Term] = field(default_factory=dict)  # by school year
    courses: dict[tuple[str, str], Course] = field(default_factory=dict)  # assignment, school year
    venues: Counter[str] = field(default_factory=Counter)  # that are no classroom here
    history: History = field(init=False)
    _rooms: dict[str, int] | None = None

    def __post_init__(self) -> None:
        self.history = History(self.run)

    @property
    def today(self) -> date:
        return self.run.now.astimezone(self.run.zone).date()

    @property
    def this_year(self) -> str:
        return year_of(self.today)

    def room(self, venue: str) -> int | None:
        """The classroom of this number, or of this building and number; None, and counted."""
        if not venue:
            return None
        if self._rooms is None:
            rooms = list(Classroom.objects.select_related("building"))
            twice = Counter(room.room_number.casefold() for room in rooms)
            by_number = {
                room.room_number.casefold(): room.pk
                for room in rooms
                if twice[room.room_number.casefold()] == 1
            }
            self._rooms = by_number | {str(room).casefold(): room.pk for room in rooms}
        found = self._rooms.get(venue.casefold())
        if found is None:
            self.venues[venue] += 1
        return found

    def say_venues(self) -> None:
        if self.venues:
            names = ", ".join(sorted(self.venues)[:20])
            note = _("Venues that are no classroom here, left out %(count)d times: %(names)s.")
            values = {"count": self.venues.total(), "names": names}
            self.run.report.notes.append(note % values)
