"""What views ask of a request: who is signed in, and as whom. Read once per request."""

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student, User
from apps.accounts.permissions import roles_of
from apps.accounts.selectors import faculty_of, student_of
from apps.accounts.viewers import Viewer, viewer_of
from apps.common.errors import Forbidden


def request_user(request: Any) -> User:
    """The person who is signed in. For views that let nobody else in."""
    user: User = request.user
    return user


def has_role(request: Any, *roles: str) -> bool:
    """Whether the person who is signed in has one of the roles; super administrators have all."""
    user = request_user(request)
    return user.is_superuser or bool(set(roles) & roles_of(user))


def request_student(request: Any) -> Student:
    """The student who is signed in, read once per request; raises `Forbidden` not_a_student."""
    found: Student | None = getattr(request, "student", None)
    if found is None:
        found = request.student = student_of(user=request.user)
    if found is None:
        raise Forbidden("not_a_student", _("This is for students of this campus."))
    return found


def request_faculty(request: Any) -> Faculty:
    """The faculty member who is signed in, read once; raises `Forbidden` not_a_faculty_member."""
    found: Faculty | None = getattr(request, "faculty", None)
    if found is None:
        found = request.faculty = faculty_of(user=request.user)
    if found is None:
        raise Forbidden("not_a_faculty_member", _("This is for faculty of this campus."))
    return found


def request_viewer(request: Any) -> Viewer:
    """Whose eyes a list is read with, found out once per request."""
    found: Viewer | None = getattr(request, "viewer", None)
    if found is None:
        found = request.viewer = viewer_of(user=request.user)
    return found


def request_staff_viewer(request: Any) -> Viewer:
    """As `request_viewer`, for lecturers and the office; raises `Forbidden` role_required."""
    viewer = request_viewer(request)
    if not viewer.teaches:
        raise Forbidden("role_required", _("Your role does not allow this."))
    return viewer


def request_browser(request: Any) -> str:
    """The name of the browser by its signed cookie (`signin.known_devices`); "" without one."""
    return str(getattr(request, "browser_name", ""))
