"""The student's sessions of today, in a bounded number of statements."""

from collections.abc import Iterable
from datetime import datetime

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord
from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Enrollment
from apps.portal.shared.days import begins_or_runs, day_bounds
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting


def student_sessions_today(
    *, student: Student, now: datetime, waiting: Iterable[CheckInAttempt] = ()
) -> list[ClassSession]:
    """Today's sessions of the student's courses, with `my_status` ("" before there is one).

    `waiting` are the student's check-ins that wait for a decision.
    """
    start, end = day_bounds(now)
    sessions = list(
        ClassSession.objects.filter(
            begins_or_runs(start, end),
            meeting(
                course__enrollments__student=student,
                course__enrollments__status=Enrollment.Status.ENROLLED,
            ),
        )
        .select_related("course__subject", "classroom__building")
        .order_by("starts_at", "id")
    )
    statuses = dict(
        AttendanceRecord.objects.filter(student=student, session__in=sessions).values_list(
            "session_id", "status"
        )
    )
    statuses.update({attempt.session_id: "waiting" for attempt in waiting})
    for session in sessions:
        session.my_status = statuses.get(session.pk, "")  # type: ignore[attr-defined]
    return sessions
