"""Registers that nobody took, and the sheet to sign where there is no phone."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.attendance.selectors.not_taken import registers_not_taken_seen
from apps.attendance.selectors.register import enrolled_students, register_of
from apps.common.errors import Invalid, NotFound
from apps.enrollments.models import Course
from apps.enrollments.selectors import course_seen
from apps.reports.asked import Asked
from apps.reports.tables import PagedRows, Row
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting

# From a course of a session to what it is filtered by.
COURSE_FILTERS: Final = {
    "course": "course",
    "section": "course__section",
    "department": "course__section__department",
}
# From a session; the lecturer is the one who was to hold it.
SESSION_FILTERS: Final = {"lecturer": "faculty", "term": "term"}


@dataclass(frozen=True, kw_only=True)
class RegisterSheet:
    """A course, and the session whose list is to be signed, if one was named."""

    course: Course
    session: ClassSession | None


def sheet_of(asked: Asked) -> RegisterSheet:
    """Raises `Invalid` without a course, `NotFound` for what this person may not see."""
    filters = asked.filters
    if filters.course is None:
        raise Invalid("course_required", _("Name the course."))
    course = course_seen(viewer=asked.viewer, course_id=filters.course)
    if filters.session is None:
        return RegisterSheet(course=course, session=None)
    session = ClassSession.objects.filter(meeting(course=course), pk=filters.session).first()
    if session is None:
        raise NotFound("session_not_found", _("There is no such session of this course."))
    return RegisterSheet(course=course, session=session)


def signing_sheet(asked: Asked) -> PagedRows:
    """Who is enrolled now, or belongs to the named session, by number, with a place to sign."""
    sheet = sheet_of(asked)
    rows = (
        register_of(session_id=sheet.session.pk)
        if sheet.session is not None
        else enrolled_students(course_id=sheet.course.pk)
    )
    return PagedRows(
        [
            {
                "number": number,
                "student": row.student_id,
                "code": row.student.code,
                "name": row.student.full_name,
                "signature": "",
            }
            for number, row in enumerate(rows, start=1)
        ]
    )


def not_taken(asked: Asked) -> PagedRows:
    """Sessions that nobody opened in time, newest first; of the terms under way by default.

    Lecturers see the sessions that they were to hold themselves.
    """
    found = registers_not_taken_seen(
        viewer=asked.viewer, now=asked.now, **_chosen(asked, SESSION_FILTERS)
    )
    courses = _chosen(asked, COURSE_FILTERS)
    if courses:
        found = found.filter(meeting(**courses))
    return PagedRows(found.filter(asked.days()), lambda page: [_missed_row(row) for row in page])


def _chosen(asked: Asked, paths: dict[str, str]) -> dict[str, Any]:
    chosen = {path: getattr(asked.filters, name) for name, path in paths.items()}
    return {path: value for path, value in chosen.items() if value is not None}


def _missed_row(session: ClassSession) -> Row:
    return {
        "session": session.pk,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "course": session.course_id,
        "course_code": session.codes,
        "course_name": session.course.subject.name,
        "lecturer": session.faculty.full_name,
        "room": str(session.classroom or ""),
        "topic": session.topic,
    }
