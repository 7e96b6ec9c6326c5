"""Who plans: lecturers their own sessions, the office everybody's."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission

from apps.accounts.api.permissions import has_role
from apps.accounts.models import Faculty, Role, Student
from apps.accounts.permissions import roles_of
from apps.accounts.requests import request_faculty
from apps.accounts.selectors import faculty_of, student_of
from apps.common.errors import Forbidden, NotFound
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.sessions.selectors import course_of
from apps.timetable.selectors.schedule import sessions

OFFICE = frozenset({Role.ADMIN, Role.OPERATOR})
IsOffice = has_role(*OFFICE)


def is_office(request: Any) -> bool:
    return bool(request.user.is_superuser or OFFICE & roles_of(request.user))


class IsPlanner(BasePermission):
    """Faculty, administrators and operators."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        return is_office(request) or bool(request_faculty(request))


class AttendsOrTeaches(BasePermission):
    """Students and faculty."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated) and any(person_of(request))


def person_of(request: Any) -> tuple[Student | None, Faculty | None]:
    """The asker as a student and as a faculty member; raises `Forbidden` for neither."""
    if not hasattr(request, "_campus_person"):
        user = request.user
        request._campus_person = (student_of(user=user), faculty_of(user=user))
    found: tuple[Student | None, Faculty | None] = request._campus_person
    if not any(found):
        raise Forbidden("no_schedule", _("This is for students and faculty of this campus."))
    return found


def planned_sessions(request: Any) -> Any:
    """The sessions that the asker may plan."""
    return sessions() if is_office(request) else sessions().filter(faculty=request_faculty(request))


def planned_session(request: Any, session_id: int) -> ClassSession:
    """One of them; anybody else's is `NotFound`."""
    session: ClassSession | None = planned_sessions(request).filter(pk=session_id).first()
    if session is None:
        raise NotFound("session_not_found", _("There is no such session of yours."))
    return session


def planned_course(request: Any, course_id: int) -> Course:
    """An active course that the asker may plan; anybody else's is `NotFound`."""
    if not is_office(request):
        return course_of(faculty=request_faculty(request), course_id=course_id)
    course = (
        Course.objects.filter(pk=course_id, is_active=True)
        .select_related("classroom__building", "subject", "faculty")
        .first()
    )
    if course is None:
        raise NotFound("course_not_found", _("There is no such course."))
    return course
