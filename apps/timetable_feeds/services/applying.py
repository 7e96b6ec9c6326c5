"""Writes a difference: sessions that go, change and come, and what is remembered of the feed.

Call it in a transaction that holds the planning lock. Nothing is deleted; what clashes with another
session is left as it is and named, and tried again by the next reading.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.audit.services import Actor
from apps.common.errors import Refused
from apps.sessions.clashes import SAME, clash_text
from apps.sessions.models import ClassSession
from apps.sessions.services import (
    Replan,
    session_courses_set,
    sessions_cancel,
    sessions_plan,
    sessions_replan,
)
from apps.tenants.tasks import enqueue
from apps.timetable import notices
from apps.timetable.models import GeneratedSession
from apps.timetable_feeds.models import FeedMeeting, TimetableFeed
from apps.timetable_feeds.services.difference import (
    CLASH,
    STAKE,
    FeedDifference,
    Line,
    SessionChange,
)
from apps.timetable_feeds.services.resolving import WantedMeeting

Status = ClassSession.Status
MATCH: Final = "apps.timetable_feeds.tasks.match_scans"
BATCH: Final = 2000


class Application:
    def __init__(
        self,
        feed: TimetableFeed,
        found: FeedDifference,
        *,
        zone: ZoneInfo,
        now: datetime,
        actor: Actor,
    ) -> None:
        self.feed, self.found, self.zone = feed, found, zone
        self.now, self.actor = now, actor
        self.moved: Counter[int] = Counter()  # by course
        self.cancelled: Counter[int] = Counter()
        self.rooms: set[int] = set()

    def execute(self) -> None:
        self._cancel()
        self._change()
        self._create()
        self._remember()
        self._tell()
        if self.rooms:
            enqueue(MATCH, sorted(self.rooms))

    # --- Sessions -----------------------------------------------------------------------------

    def _cancel(self) -> None:
        """Those that the feed does not say any more, and those of the weekly plan before it."""
        meetings = {one.session_id: one for one in self.found.cancelled if one.session_id}
        made = {one.session_id: one for one in self.found.replaced if one.session_id}
        done = sessions_cancel(
            session_ids=[*meetings, *made],
            reason=_("No longer in the timetable."),
            now=self.now,
            actor=self.actor,
        )
        FeedMeeting.objects.filter(session__in=done).update(is_withdrawn=True)
        GeneratedSession.objects.filter(session__in=done).update(is_withdrawn=True)
        for session_id in done:
            owner = meetings.get(session_id)
            course_id = owner.course_id if owner else made[session_id].slot.course_id
            self.cancelled[course_id] += 1

    def _change(self) -> None:
        changes = self._still_planned(self.found.changes)
        refused = sessions_replan(
            plans=[
                Replan(
                    session_id=change.session.pk,
                    starts_at=change.starts_at,
                    ends_at=change.ends_at,
                    classroom=change.classroom,
                    faculty=change.faculty,
                )
                for change in changes
            ],
            now=self.now,
            actor=self.actor,
        )
        for change in changes:
            if refusal := refused.get(change.session.pk):
                self._note_clash(change.session.codes, change.starts_at, str(refusal.message))
                continue
            self.found.remembered.append((change.meeting, change.said))
            self.moved[change.meeting.course_id] += 1
            if change.classroom is not None:
                self.rooms.add(change.classroom.pk)

    def _still_planned(self, changes: Collection[SessionChange]) -> list[SessionChange]:
        """Without those that were opened a moment ago; the others are held."""
        ids = [change.session.pk for change in changes]
        planned = ClassSession.objects.filter(
            pk__in=ids, status__in=(Status.SCHEDULED, Status.CANCELLED)
        )
        held = set(
            planned.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True)
        )
        for change in changes:
            if change.session.pk not in held:
                line = Line(
                    what=STAKE,
                    course=change.session.codes,
                    at=change.session.starts_at,
                    why="marks",
                )
                self.found.lines.append(line)
        return [change for change in changes if change.session.pk in held]

    def _create(self) -> None:
        """Of two that clash the earlier is made."""
        wanted = self.found.new
        planned = sessions_plan(wanted=[_session_for(one) for one in wanted], now=self.now)
        made = ClassSession.objects.in_bulk(list(planned.made.values()))
        for n, session_id in sorted(planned.made.items()):
            session = made[session_id]
            self.found.linked.append((wanted[n], session))
            if session.classroom_id is not None:
                self.rooms.add(session.classroom_id)
        left_out = (n for n in range(len(wanted)) if n not in planned.made)
        for n in left_out:
            code, other = planned.clashes.get(n, ("", None))
            why = clash_text(code or SAME, other, self.zone) if other is not None else ""
            self._note_clash(wanted[n].course.code, wanted[n].starts_at, why)

    def _note_clash(self, course: str, at: datetime, why: str) -> None:
        self.found.lines.append(Line(what=CLASH, course=course, at=at, why=why))

    # --- What is known of the feed ------------------------------------------------------------

    def _remember(self) -> None:
        known: list[FeedMeeting] = []
        new: list[FeedMeeting] = []
        for meeting, one in self.found.remembered:
            self._join(meeting, one)
            said(meeting, one)
            (known if meeting.pk else new).append(meeting)
        for one, session in self.found.linked:
            new.append(self._meeting_for(one, session))
        FeedMeeting.objects.bulk_create(
            known,
            update_conflicts=True,
            unique_fields=["campus", "id"],
            update_fields=[
                *("key", "week", "called", "starts_at", "ends_at", "classroom", "faculty"),
                "is_withdrawn",
            ],
            batch_size=BATCH,
        )
        taken_over = [meeting.session_id for meeting in new if meeting.session_id]
        FeedMeeting.objects.filter(session__in=taken_over).delete()  # of a feed before this one
        FeedMeeting.objects.bulk_create(new, batch_size=BATCH)
        gone = [meeting.pk for meeting in self.found.forgotten if meeting.pk]
        FeedMeeting.objects.filter(pk__in=gone).delete()

    def _join(self, meeting: FeedMeeting, one: WantedMeeting) -> None:
        """Where the feed names other classes than before, they meet in the session from now on."""
        session = meeting.session
        if session is None or one.also is None or meeting.called == one.called:
            return
        saved = {row.course_id for row in session.courses.all() if not row.is_lead}
        is_planned = session.status == Status.SCHEDULED and session.starts_at > self.now
        if not is_planned or saved == {course.pk for course in one.also}:
            return
        try:
            session_courses_set(session=session, also=one.also, now=self.now, actor=self.actor)
        except Refused as refusal:
            self._note_clash(one.course.code, one.starts_at, str(refusal.message))

    def _meeting_for(self, one: WantedMeeting, session: ClassSession) -> FeedMeeting:
        """Of a session that was there, what the feed says of it: where it differs, a person wants
        it so."""
        meeting = FeedMeeting(feed=self.feed, course=one.course, session=session)
        meeting.classroom_id, meeting.faculty_id = session.classroom_id, session.faculty_id
        said(meeting, one)
        return meeting

    # --- People -------------------------------------------------------------------------------

    def _tell(self) -> None:
        """One message for each course."""
        for course_id, course in sorted(self.found.courses().items()):
            moved, cancelled = self.moved[course_id], self.cancelled[course_id]
            if moved or cancelled:
                notices.course_changed(
                    course=course, moved=moved, cancelled=cancelled, now=self.now
                )


def said(meeting: FeedMeeting, one: WantedMeeting) -> None:
    """Take over what the feed says; what it does not name stays."""
    meeting.key, meeting.week, meeting.called = one.key, one.week, one.called
    meeting.starts_at, meeting.ends_at = one.starts_at, one.ends_at
    if one.room is not None:
        meeting.classroom = one.room
    if one.faculty is not None:
        meeting.faculty = one.faculty
    meeting.is_withdrawn = False


def _session_for(one: WantedMeeting) -> ClassSession:
    course = one.course
    session = ClassSession(
        course=course,
        faculty=one.faculty or course.faculty,
        section_id=course.section_id,
        classroom=one.room or course.classroom,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
    )
    session.also = one.also or ()
    return session
