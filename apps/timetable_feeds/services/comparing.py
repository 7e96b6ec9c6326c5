"""The difference: what the feed says now against what it said last, and against the sessions here.

What a person decided here stands: a session that was moved, cancelled, deleted or given to a
substitute by hand is kept, and so is everything that has marks or was opened. Both are named.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apps.classrooms.models import Classroom
from apps.sessions.models import ClassSession
from apps.timetable.occurrences import day_starts
from apps.timetable_feeds.models import FeedMeeting, TimetableFeed
from apps.timetable_feeds.selectors import marks_of, meetings_within
from apps.timetable_feeds.services.difference import (
    BACK,
    CANCELLED,
    KEPT,
    LECTURER,
    MOVED,
    NEW,
    ROOM,
    STAKE,
    TIME,
    FeedDifference,
    Line,
    SessionChange,
)
from apps.timetable_feeds.services.pairing import paired
from apps.timetable_feeds.services.resolving import Coverage, Resolved, WantedMeeting

Status = ClassSession.Status
HELD: Final = (Status.OPEN, Status.COMPLETED)
FOLLOWED: Final = timedelta(hours=24)  # a session that nobody opened follows for so long
RECENT: Final = timedelta(days=7)  # what was kept before is named for so long


class FeedComparison:
    """Makes the difference. Call it under the planning lock; nothing is written. Six statements."""

    def __init__(self, coverage: Coverage, resolved: Resolved, *, now: datetime) -> None:
        self.coverage, self.resolved, self.now = coverage, resolved, now
        self.zone: ZoneInfo = coverage.zone
        self.found = FeedDifference()

    def execute(self) -> FeedDifference:
        window = self._window()
        if window is None:
            return self.found
        first, last = window
        feed = self.coverage.feed
        said = meetings_within(feed, first=first, last=last)
        known = [meeting for meeting in said if feed.covers(meeting.course)]
        matched = paired(known, self.resolved.wanted)
        courses = {one.course.pk: one.course for one in self.resolved.wanted}
        self.free = self._free_sessions(list(courses), first, last)
        sessions = [meeting.session_id for meeting in known if meeting.session_id]
        self.marks = marks_of(session_ids=[*sessions, *(one.pk for one in self.free)])
        for meeting, one in matched.pairs:
            self._compare(meeting, one)
        for meeting in matched.gone:
            self._drop(meeting)
        self._add(matched.new)
        self._settle_free()
        self.found.lines.sort(key=lambda line: (line.at, line.course))
        return self.found

    def _window(self) -> tuple[datetime, datetime] | None:
        first, last = self.coverage.first, self.coverage.last
        if self.coverage.feed.is_window:
            days = [one.starts_at.astimezone(self.zone).date() for one in self.resolved.wanted]
            if not days:
                return None
            first, last = min(days), max(days)
        return day_starts(first, self.zone), day_starts(last, self.zone, after=1)

    def _free_sessions(
        self, course_ids: Sequence[int], first: datetime, last: datetime
    ) -> list[ClassSession]:
        """Of these courses, those that no active feed knows yet."""
        found = ClassSession.objects.filter(
            course__in=course_ids, starts_at__gte=first, starts_at__lt=last
        ).exclude(feed_meetings__feed=self.coverage.feed)
        found = found.exclude(feed_meetings__feed__is_active=True)
        related = ("course__subject", "classroom__building", "faculty", "section")
        return list(
            found.select_related(*related)
            .prefetch_related("generated__slot__course__subject", "courses")
            .order_by("starts_at", "pk")
        )

    # --- Said before, and now -----------------------------------------------------------------

    def _compare(self, meeting: FeedMeeting, one: WantedMeeting) -> None:
        session = meeting.session
        if session is not None and self._is_ahead(meeting):
            self.found.ahead += 1
        if meeting.called != one.called:
            self.found.renamed[meeting.called] = one.called
        if not says_otherwise(meeting, one) and not meeting.is_withdrawn:
            self.found.unchanged += 1
            if session is not None and differs(session, meeting) and self._is_recent(session):
                self._note_kept(meeting, session, self._why(session))
            self._remember(meeting, one)
            return
        reason = self._kept_because(meeting, one)
        if reason or session is None:
            self._note_kept(meeting, session, reason or "deleted")
            self._remember(meeting, one)
        elif max(session.starts_at, one.starts_at) <= self.now - FOLLOWED:
            self.found.past += 1
            self._remember(meeting, one)
        else:
            self._change(meeting, session, one)

    def _is_recent(self, session: ClassSession) -> bool:
        return session.starts_at > self.now - RECENT

    def _remember(self, meeting: FeedMeeting, one: WantedMeeting) -> None:
        said = meeting.is_withdrawn or says_otherwise(meeting, one)
        if said or (meeting.key, meeting.week, meeting.called) != (
            *(one.key, one.week, one.called),
        ):
            self.found.remembered.append((meeting, one))

    def _kept_because(self, meeting: FeedMeeting, one: WantedMeeting) -> str:
        session = meeting.session
        if session is None:
            return "deleted"
        if self._has_marks(session):
            return "marks"
        if session.status == Status.CANCELLED and not meeting.is_withdrawn:
            return "cancelled"
        is_moved = (session.starts_at, session.ends_at) != (meeting.starts_at, meeting.ends_at)
        return "moved" if is_moved and not meeting.is_withdrawn else ""

    def _change(self, meeting: FeedMeeting, session: ClassSession, one: WantedMeeting) -> None:
        """Time follows; room and lecturer where nobody changed them here."""
        room, faculty = session.classroom, session.faculty
        room_here = session.classroom_id != meeting.classroom_id
        faculty_here = session.faculty_id != meeting.faculty_id
        if one.room is not None and not room_here:
            room = one.room
        if one.faculty is not None and not faculty_here:
            faculty = one.faculty
        says_room = one.room is not None and one.room.pk != meeting.classroom_id
        says_faculty = one.faculty is not None and one.faculty.pk != meeting.faculty_id
        if (room_here and says_room) or (faculty_here and says_faculty):
            self._note(KEPT, session, why="room" if room_here and says_room else "substitute")
        change = SessionChange(
            what=BACK if meeting.is_withdrawn else self._what(session, one, room),
            meeting=meeting,
            session=session,
            said=one,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            classroom=room,
            faculty=faculty,
        )
        if _plan(change) == _plan(session) and session.status == Status.SCHEDULED:
            self._remember(meeting, one)
        else:
            self.found.changes.append(change)
            self._note(change.what, session, to=self._to(change))

    def _what(self, session: ClassSession, one: WantedMeeting, room: Classroom | None) -> str:
        days = [at.astimezone(self.zone).date() for at in (session.starts_at, one.starts_at)]
        if days[0] != days[1]:
            return MOVED
        if (session.starts_at, session.ends_at) != (one.starts_at, one.ends_at):
            return TIME
        return ROOM if room is not None and room.pk != session.classroom_id else LECTURER

    def _to(self, change: SessionChange) -> str:
        begins, ends = (at.astimezone(self.zone) for at in (change.starts_at, change.ends_at))
        return (
            f"{begins:%Y-%m-%d %H:%M}–{ends:%H:%M}, {change.classroom or '–'}, "
            f"{change.faculty.full_name}"
        )

    # --- Said before, and not now -------------------------------------------------------------

    def _drop(self, meeting: FeedMeeting) -> None:
        session = meeting.session
        if meeting.is_withdrawn or self._is_unclear(meeting):
            return
        if session is not None and self._is_ahead(meeting):
            self.found.ahead += 1
            self.found.missing += session.status != Status.CANCELLED
        if session is None or session.status == Status.CANCELLED:
            self.found.forgotten.append(meeting)
        elif self._has_marks(session):
            self._note_kept(meeting, session, "marks")
            self.found.forgotten.append(meeting)
        elif session.starts_at <= self.now:
            self.found.past += 1
            self.found.forgotten.append(meeting)
        elif differs(session, meeting):
            self._note(KEPT, session, why=self._why(session))
            self.found.forgotten.append(meeting)
        else:
            self.found.cancelled.append(meeting)
            self._note(CANCELLED, session)

    def _is_unclear(self, meeting: FeedMeeting) -> bool:
        return self.resolved.is_partial or meeting.key in self.resolved.unclear

    def _is_ahead(self, meeting: FeedMeeting) -> bool:
        return meeting.starts_at > self.now and not meeting.is_withdrawn

    # --- Not said before ----------------------------------------------------------------------

    def _add(self, new: Sequence[WantedMeeting]) -> None:
        # Of a start, one that takes place before one that was cancelled.
        free = sorted(self.free, key=lambda session: session.status != Status.CANCELLED)
        by_start = {(one.course_id, one.starts_at): one for one in free}
        rest: list[WantedMeeting] = []
        for one in new:
            session = by_start.get((one.course.pk, one.starts_at))
            if session is None or _was_withdrawn(session):
                rest.append(one)
                continue
            self.free.remove(session)
            self._link(one, session)
        for one in rest:
            session = self._of_that_day(one)
            if session is not None:
                self.free.remove(session)
                self._change(unsaved(self.coverage.feed, session, one), session, one)
            elif one.ends_at <= self.now:
                self.found.past += 1
            else:
                self.found.new.append(one)
                self._note_new(one)

    def _link(self, one: WantedMeeting, session: ClassSession) -> None:
        """The session that is there already is the meeting, if it has marks or was made by hand as
        it is; one of the weekly plan follows."""
        meeting = unsaved(self.coverage.feed, session, one)
        if not says_otherwise(meeting, one):
            self.found.unchanged += 1
            self.found.linked.append((one, session))
        elif self._is_made_by_plan(session) and session.starts_at > self.now - FOLLOWED:
            self._change(meeting, session, one)
        else:
            self.found.linked.append((one, session))
            self._note_kept(meeting, session, self._why(session))

    def _of_that_day(self, one: WantedMeeting) -> ClassSession | None:
        """The one session of the weekly plan that the course has on that day."""
        on = one.starts_at.astimezone(self.zone).date()
        hits = [
            session
            for session in self.free
            if session.course_id == one.course.pk
            and session.starts_at.astimezone(self.zone).date() == on
            and session.starts_at > self.now
            and self._is_made_by_plan(session)
        ]
        return hits[0] if len(hits) == 1 else None

    def _settle_free(self) -> None:
        """What the feed does not say: sessions of the weekly plan go, those made by hand stay."""
        if self.resolved.is_partial:
            return
        for session in self.free:
            if session.starts_at <= self.now or session.status == Status.CANCELLED:
                continue
            if self._is_made_by_plan(session):
                self.found.replaced += session.generated.all()
                self._note(CANCELLED, session, why="weekly")
            elif self._has_marks(session):
                self._note(STAKE, session, why="marks")
            else:
                self._note(KEPT, session, why="planned")

    def _is_made_by_plan(self, session: ClassSession) -> bool:
        """Whether the generator made it, and nobody has touched it since."""
        made = session.generated.first() if session.generated.all() else None
        return (
            made is not None
            and session.status == Status.SCHEDULED
            and not self._has_marks(session)
            and (session.starts_at, session.ends_at, session.classroom_id, session.faculty_id)
            == (made.starts_at, made.ends_at, made.classroom_id, made.faculty_id)
        )

    # --- Lines --------------------------------------------------------------------------------

    def _has_marks(self, session: ClassSession) -> bool:
        return session.status in HELD or session.pk in self.marks

    def _why(self, session: ClassSession) -> str:
        if self._has_marks(session):
            return "marks"
        return "cancelled" if session.status == Status.CANCELLED else "hand"

    def _note_kept(self, meeting: FeedMeeting, session: ClassSession | None, reason: str) -> None:
        if session is not None:
            self._note(STAKE if reason == "marks" else KEPT, session, why=reason)
            return
        line = Line(what=KEPT, course=meeting.course.code, at=meeting.starts_at, why=reason)
        self.found.lines.append(line)

    def _note(self, what: str, session: ClassSession, *, to: str = "", why: str = "") -> None:
        self.found.lines.append(
            Line(
                what=what,
                course=session.codes,
                at=session.starts_at,
                to=to,
                why=why,
                marks=self.marks.get(session.pk, 0),
            )
        )

    def _note_new(self, one: WantedMeeting) -> None:
        codes = " + ".join(course.code for course in (one.course, *(one.also or ())))
        self.found.lines.append(Line(what=NEW, course=codes, at=one.starts_at))


def says_otherwise(meeting: FeedMeeting, one: WantedMeeting) -> bool:
    """Whether the feed says another time, room or lecturer than before."""
    return (
        (meeting.starts_at, meeting.ends_at) != (one.starts_at, one.ends_at)
        or (one.room is not None and one.room.pk != meeting.classroom_id)
        or (one.faculty is not None and one.faculty.pk != meeting.faculty_id)
    )


def differs(session: ClassSession, meeting: FeedMeeting) -> bool:
    """Whether a person changed it here."""
    return session.status == Status.CANCELLED or _plan(session) != _plan(meeting)


def _plan(
    one: ClassSession | FeedMeeting | SessionChange,
) -> tuple[datetime, datetime, int | None, int | None]:
    if isinstance(one, SessionChange):
        room = None if one.classroom is None else one.classroom.pk
        return one.starts_at, one.ends_at, room, one.faculty.pk
    return one.starts_at, one.ends_at, one.classroom_id, one.faculty_id


def _was_withdrawn(session: ClassSession) -> bool:
    """Cancelled by a holiday or with its slot, so that it is in nobody's way."""
    return session.status == Status.CANCELLED and any(
        made.is_withdrawn for made in session.generated.all()
    )


def unsaved(feed: TimetableFeed, session: ClassSession, one: WantedMeeting) -> FeedMeeting:
    """A session that is there, as if the feed had said it so."""
    return FeedMeeting(
        feed=feed,
        key=one.key,
        week=one.week,
        called=one.called,
        course=one.course,
        session=session,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        classroom=session.classroom,
        faculty=session.faculty,
    )
