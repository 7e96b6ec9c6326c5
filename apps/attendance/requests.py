"""Who changes which register through the API, and in what capacity."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.models import Role
from apps.accounts.permissions import roles_of
from apps.accounts.requests import request_faculty, request_user, request_viewer
from apps.attendance.selectors.policies import Editor
from apps.sessions.models import ClassSession
from apps.sessions.selectors import any_session, session_of


def _is_admin(request: Any) -> bool:
    user = request_user(request)
    return user.is_superuser or Role.ADMIN in roles_of(user)


class EditsRegisters(BasePermission):
    """Faculty, who change their own registers, and administrators, who change any."""

    def has_permission(self, request: Any, view: Any) -> bool:
        signed_in = bool(request.user and request.user.is_authenticated)
        return signed_in and (_is_admin(request) or bool(request_faculty(request)))


def editable_session(request: Request, session_id: int) -> tuple[ClassSession, Editor]:
    """The session whose register is to be changed; for lecturers, one of their own."""
    if _is_admin(request):
        return any_session(session_id=session_id), Editor.OFFICE
    own = session_of(faculty=request_faculty(request), session_id=session_id)
    return own, Editor.LECTURER


def readable_session(request: Request, session_id: int) -> ClassSession:
    """The session whose register is to be read: any for the office, else an own one."""
    if request_viewer(request).office:
        return any_session(session_id=session_id)
    return session_of(faculty=request_faculty(request), session_id=session_id)
