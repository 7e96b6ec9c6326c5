"""Sign-in by e-mail and password, open to the people of the entered campus."""

from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from apps.accounts.models import User
from apps.accounts.permissions import may_enter, model_permission
from apps.common.rows import FixedQuery

_LIVE_USER: Final = FixedQuery(User, "id = %s AND is_active")


class CampusBackend(AuthenticationBackend):
    """Right password *and* a role on this campus (or super_admin); else the answer is the same.

    Model permissions come from the role table, not from groups: see `permissions.py`.
    """

    def _check_password(
        self, user: AbstractBaseUser | None, password: str
    ) -> AbstractBaseUser | None:
        """allauth's, without its detour to an “account inactive” page, which would tell."""
        if user is None:
            return None
        self._did_check_password = True
        if not user.check_password(password):
            return None
        return user if self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        return may_enter(user)

    def get_user(self, user_id: Any) -> User | None:
        """The signed-in user, unless deactivated meanwhile. Roles are asked where they matter."""
        return _LIVE_USER.first(user_id)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return bool(user_obj.is_active and model_permission(user_obj, perm))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return bool(user_obj.is_active and model_permission(user_obj, f"{app_label}.view_"))
