"""The admin site: entered with a role on the campus, or as the platform's super_admin."""

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from apps.accounts.permissions import ADMIN_ROLES, roles_of


class CampusAdminSite(UnfoldAdminSite):
    """Open to super_admins, and to administrators, operators and principals of the campus."""

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not user.is_active or not user.is_authenticated:
            return False
        if user.is_superuser:
            return True
        return bool(ADMIN_ROLES & roles_of(user))
