"""What the end of a session makes of students without a mark."""

from collections.abc import Mapping
from datetime import datetime

from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.registry import excused_students, undecided_students
from apps.sessions.models import ClassSession


def closing_mark(*, excused: bool) -> tuple[Status, RecordSource]:
    """The mark that the end of a session gives, and whose word that is."""
    return (
        (Status.EXCUSED, RecordSource.LEAVE) if excused else (Status.ABSENT, RecordSource.CLOSING)
    )


def unmarked_close(*, session: ClassSession, courses: Mapping[int, int], now: datetime) -> None:
    """What the end of a session makes of those students who have no mark.

    `courses` has the students, and for each the course that the mark counts for.
    Excused where an app above says so (an approved leave covers a part of the session), else
    absent. Those whose check-in is not decided yet are left out: they get their record when it is.
    The caller refreshes the session's totals.
    """
    settled_later = undecided_students(session=session)
    excused = excused_students(session=session)
    marks = {student_id: closing_mark(excused=student_id in excused) for student_id in courses}
    AttendanceRecord.objects.bulk_create(
        [
            AttendanceRecord(
                session=session,
                student_id=student_id,
                course_id=courses[student_id],
                status=status,
                source=source,
                policy_id=session.policy.get("policy_id"),
                recorded_at=now,
            )
            for student_id, (status, source) in sorted(marks.items())
            if student_id not in settled_later
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )
