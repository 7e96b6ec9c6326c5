"""The demo's sessions: some held already, some about to start, some ahead."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final

from apps.accounts.models import Student
from apps.attendance.models import Status
from apps.attendance.selectors.register import register_of
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import Actor
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.sessions.services import session_create

STEP: Final = timedelta(minutes=5)
NEARBY: Final = timedelta(hours=12)  # no second set of sessions is made this close to the first
MARKED_AFTER: Final = timedelta(minutes=5)
ON_TIME, LATE, AWAY = 0.86, 0.93, 0.985  # upper bounds for a student without bad habits


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Fills the calendar of one course; what is there already is left alone."""

    course: Course
    row: dict[str, Any]  # the course in `campus.json`
    past_days: list[int]
    ahead_days: list[int]
    now: datetime
    actor: Actor
    made: Counter[str]

    def fill(self) -> None:
        self._held()
        self._today()
        self._ahead()

    def _held(self) -> None:
        """Past sessions with full registers, unless the course has some."""
        if ClassSession.objects.filter(
            course=self.course, status=ClassSession.Status.COMPLETED
        ).exists():
            return
        for days, topic in zip(self.past_days, self.row["topics"], strict=False):
            session = self._schedule(self._usual_time(days=-days), topic=topic)
            self._hold(session)

    def _today(self) -> None:
        """One session from now on, at the next round five minutes plus the course's offset.

        It hangs on the hour of loading, so it occupies no place in the timetable.
        """
        near = (self.now - NEARBY, self.now + NEARBY)
        if not self._has_session(*near):
            start = next_step(self.now) + timedelta(minutes=self.row["starts_in"])
            self._schedule(start, topic=self.row["topics"][-1], is_planned=False)

    def _ahead(self) -> None:
        """The next days, once those that were planned before have passed."""
        if self._has_session(self.now + NEARBY, self.now + timedelta(days=max(self.ahead_days))):
            return
        for days in self.ahead_days:
            start = self._usual_time(days=days)
            if not self._has_session(start - NEARBY, start + NEARBY):
                self._schedule(start)

    def _usual_time(self, *, days: int) -> datetime:
        on: date = (self.now + timedelta(days=days)).date()
        return datetime.combine(on, time(self.row["hour"]), tzinfo=UTC)

    def _has_session(self, earliest: datetime, latest: datetime) -> bool:
        near = ClassSession.objects.filter(course=self.course, starts_at__range=(earliest, latest))
        return near.exclude(status=ClassSession.Status.CANCELLED).exists()

    def _schedule(
        self, starts_at: datetime, *, topic: str = "", is_planned: bool = True
    ) -> ClassSession:
        self.made["sessions"] += 1
        return session_create(
            course=self.course,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=self.row["minutes"]),
            topic=topic,
            is_planned=is_planned,
            now=self.now,
            actor=self.actor,
        )

    def _hold(self, session: ClassSession) -> None:
        """Play a past session through the register's services: open, mark by hand, complete."""
        register_open(session=session, topic="", now=session.starts_at, actor=self.actor)
        for enrollment in register_of(session_id=session.pk):
            status = habit(enrollment.student, session)
            if status is not None:
                self.made["records"] += 1
                record_mark(
                    session=session,
                    student_id=enrollment.student_id,
                    status=status,
                    reason="",
                    now=session.starts_at + MARKED_AFTER,
                    actor=self.actor,
                )
        register_close(session=session, now=session.ends_at, actor=self.actor)


def next_step(now: datetime) -> datetime:
    """The next round five minutes, at or after `now`."""
    over = timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    return now if not over else now - over + STEP


def habit(student: Student, session: ClassSession) -> Status | None:
    """What a student got in a past session: the same at every load, None for absent.

    Every sixth student misses about a third, so that the low ones show somewhere.
    """
    spread = 0.65 if _share(student.code) < 1 / 6 else 1.0
    drawn = _share(f"{student.code} {session.course.code} {session.topic}")
    if drawn < ON_TIME * spread:
        return Status.PRESENT
    if drawn < LATE * spread:
        return Status.LATE
    return None if drawn < AWAY else Status.EXCUSED


def _share(text: str) -> float:
    """A number in 0–1 that looks random and never changes."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") / 2**32
