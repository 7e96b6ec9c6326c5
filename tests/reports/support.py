"""Held sessions and questions for the tests of reports."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apps.accounts.models import Student
from apps.accounts.viewers import Viewer
from apps.attendance.models import AttendanceRecord, CustomStatus
from apps.enrollments.models import Course
from apps.jobs import tasks as job_tasks
from apps.jobs.models import Job
from apps.reports.asked import Asked, Filters
from apps.reports.catalogue import REPORTS
from apps.reports.tables import Row
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session

FIRST = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)  # a Monday
NOW = datetime(2026, 10, 30, 12, 0, tzinfo=UTC)
OFFICE = Viewer(office=True)


def a_session(course: Course, day: int = 0, **fields: Any) -> ClassSession:
    """A completed session `day` days after the first Monday."""
    starts_at = fields.pop("starts_at", FIRST + timedelta(days=day))
    return make_session(
        course,
        starts_at=starts_at,
        **{"status": "completed", "opened_at": starts_at, "closed_at": starts_at, **fields},
    )


def mark(
    session: ClassSession, student: Student, status: str, label: CustomStatus | None = None
) -> AttendanceRecord:
    return AttendanceRecord.objects.create(
        session=session,
        student=student,
        status=status,
        label=label,
        source="manual",
        recorded_at=session.starts_at,
    )


MEANINGS = {"p": "present", "l": "late", "a": "absent", "e": "excused", "i": "invalid"}


def history(course: Course, student: Student, letters: str, *, first_day: int = 0) -> None:
    """One session a day with this student's mark, as letters: "pple-a"; "-" is none."""
    for day, letter in enumerate(letters, start=first_day):
        starts_at = FIRST + timedelta(days=day)
        session = ClassSession.objects.filter(course=course, starts_at=starts_at).first()
        session = session or a_session(course, day)
        if letter != "-":
            mark(session, student, MEANINGS[letter])


def ask(cast: Cast, *, viewer: Viewer = OFFICE, now: datetime = NOW, **filters: Any) -> Asked:
    return Asked(viewer=viewer, now=now, zone=cast.campus.zone, filters=Filters(**filters))


def rows(name: str, asked: Asked) -> list[Row]:
    found = REPORTS[name].rows(asked)
    everything = found[:10_000]
    assert found.count() == len(everything)
    return everything


def figures(row: Row) -> tuple[Any, ...]:
    """sessions, attended, late, absent, excused, percentage"""
    names = ("sessions", "attended", "late", "absent", "excused", "percentage")
    return tuple(row[name] for name in names)


def work_off(cast: Cast, job_id: str) -> None:
    """Do an export as a worker would."""
    with campus_scope(cast.campus):
        job = Job.objects.get(pk=job_id)
    job_tasks.execute_job(cast.campus.pk, job.pk)
