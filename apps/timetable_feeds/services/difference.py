"""What a reading would do: sessions that follow, come, go, or stay, with the reason."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.timetable.models import GeneratedSession
from apps.timetable_feeds.models import FeedMeeting
from apps.timetable_feeds.services.resolving import WantedMeeting

# What becomes of a meeting, as reports name it.
NEW, MOVED, TIME, ROOM, LECTURER, CANCELLED, BACK, KEPT, STAKE, CLASH = (
    *("new", "moved", "time", "room", "lecturer", "cancelled", "back", "kept", "stake", "clash"),
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One meeting of the report. `why` is a reason of `apps.timetable_feeds.wording`."""

    what: str
    course: str
    at: datetime
    to: str = ""
    why: str = ""
    marks: int = 0


@dataclass(frozen=True, kw_only=True)
class SessionChange:
    """A session follows. `said` is what is remembered of it."""

    what: str
    meeting: FeedMeeting
    session: ClassSession
    said: WantedMeeting
    starts_at: datetime
    ends_at: datetime
    classroom: Classroom | None
    faculty: Faculty


@dataclass
class FeedDifference:
    """`ahead`: meetings that were said before and are still to come; `missing`: those of them that
    are not said any more."""

    new: list[WantedMeeting] = field(default_factory=list)
    changes: list[SessionChange] = field(default_factory=list)
    cancelled: list[FeedMeeting] = field(default_factory=list)
    replaced: list[GeneratedSession] = field(default_factory=list)
    remembered: list[tuple[FeedMeeting, WantedMeeting]] = field(default_factory=list)
    linked: list[tuple[WantedMeeting, ClassSession]] = field(default_factory=list)
    forgotten: list[FeedMeeting] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0
    past: int = 0
    ahead: int = 0
    missing: int = 0

    def counts(self) -> Counter[str]:
        return Counter(line.what for line in self.lines)

    def exceeds(self, share: int) -> bool:
        return self.missing > 0 and self.missing * 100 >= share * self.ahead

    def courses(self) -> dict[int, Course]:
        """Whose sessions are moved or cancelled."""
        named = [change.meeting.course for change in self.changes]
        named += [meeting.course for meeting in self.cancelled]
        named += [made.slot.course for made in self.replaced]
        return {course.pk: course for course in named}
