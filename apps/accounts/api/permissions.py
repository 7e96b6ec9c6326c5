"""Who may call an endpoint. Each kind of person has its own: one does not pass as another."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission

from apps.accounts.models import Role
from apps.accounts.permissions import may_enter, roles_of
from apps.accounts.requests import request_faculty, request_staff_viewer, request_student
from apps.accounts.writes import Writer
from apps.common.errors import Forbidden


def _signed_in(request: Any) -> bool:
    """Falsehood makes DRF answer 401, before any role is asked."""
    return bool(request.user and request.user.is_authenticated)


class IsMember(BasePermission):
    """Anybody with a role on this campus, and super_admins."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if _signed_in(request) and not may_enter(request.user):
            raise Forbidden("no_role_here", _("You have no role on this campus."))
        return _signed_in(request)


class IsStudent(BasePermission):
    """Students only; sets `request.student`."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return _signed_in(request) and bool(request_student(request))


class IsFaculty(BasePermission):
    """Faculty only; sets `request.faculty`."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return _signed_in(request) and bool(request_faculty(request))


class _HasRole(BasePermission):
    roles: frozenset[str] = frozenset()

    def has_permission(self, request: Any, view: Any) -> bool:
        if not _signed_in(request):
            return False
        if request.user.is_superuser or self.roles & roles_of(request.user):
            return True
        raise Forbidden("role_required", _("Your role does not allow this."))


def has_role(*roles: str) -> type[BasePermission]:
    """One of these roles on this campus, or super_admin: `[has_role(Role.ADMIN)]`."""
    return type("HasRole", (_HasRole,), {"roles": frozenset(roles)})


class _MayWrite(BasePermission):
    model = ""
    field = ""
    adding = False

    def has_permission(self, request: Any, view: Any) -> bool:
        if not _signed_in(request):
            return False
        if Writer(request.user).may(self.model, self.field, adding=self.adding):
            return True
        raise Forbidden("role_required", _("Your role does not allow this."))


def may_write(model: str, field: str, *, adding: bool = False) -> type[BasePermission]:
    """Those whom the table `WRITES` lets write this field: `[may_write(STUDENT, "is_active")]`."""
    return type("MayWrite", (_MayWrite,), {"model": model, "field": field, "adding": adding})


class IsTeacherOrOffice(BasePermission):
    """Faculty and those who see everybody: administrators, operators, principals."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return _signed_in(request) and bool(request_staff_viewer(request))


IsCampusAdmin = has_role(Role.ADMIN)
