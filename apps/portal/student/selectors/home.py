"""What a student's start page shows: the day, what is unread, what needs an eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.accounts.models import Student, User
from apps.checkin.models import CheckInAttempt
from apps.notifications.models import Delivery
from apps.notifications.selectors import inbox
from apps.portal.student.selectors.courses import student_sessions_today
from apps.reports.selectors.own_courses import student_courses
from apps.sessions.models import ClassSession
from apps.timetable.selectors.schedule import sessions_of_person

UNREAD_SHOWN: Final = 3
# Marks with which nothing is left to do in an open session.
SETTLED: Final = ("present", "late", "excused", "waiting")

Status = ClassSession.Status


@dataclass(frozen=True, kw_only=True)
class HomeDay:
    """Today's sessions, each in one place.

    `running` are open now; `upcoming` is the next one, of a later day where `is_later`; `others`
    are the rest of today.
    """

    running: Sequence[ClassSession]
    upcoming: ClassSession | None
    is_later: bool
    others: Sequence[ClassSession]

    @property
    def may_check_in(self) -> bool:
        """Whether a session is open in which the student is not marked present yet."""
        return any(session.my_status not in SETTLED for session in self.running)  # type: ignore[attr-defined]


def day_of(*, student: Student, now: datetime, waiting: Sequence[CheckInAttempt] = ()) -> HomeDay:
    """Three or four statements, and two more where nothing else is planned for today."""
    today = student_sessions_today(student=student, now=now, waiting=waiting)
    running = [session for session in today if session.status == Status.OPEN]
    ahead = [s for s in today if s.status == Status.SCHEDULED and s.ends_at > now]
    upcoming = ahead[0] if ahead else None
    shown = {session.pk for session in (*running, *ahead[:1])}
    is_later = upcoming is None
    if is_later:
        planned = sessions_of_person(student=student, faculty=None)
        later = planned.filter(status=Status.SCHEDULED, starts_at__gt=now)
        upcoming = later.exclude(pk__in=[session.pk for session in today]).first()
    return HomeDay(
        running=running,
        upcoming=upcoming,
        is_later=is_later,
        others=[session for session in today if session.pk not in shown],
    )


def unread_of(*, user: User) -> list[Delivery]:
    """The newest messages that were not read, at most three."""
    return list(inbox(user=user).filter(read_at__isnull=True)[:UNREAD_SHOWN])


def courses_at_risk(*, student: Student, now: datetime) -> list[dict[str, Any]]:
    """Courses below their limit, then those near it; rows of `student_courses`."""
    rows = student_courses(student=student, now=now)
    return [row for standing in ("below", "near") for row in rows if row["standing"] == standing]
