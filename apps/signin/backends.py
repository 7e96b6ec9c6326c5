"""Sign-in by e-mail and password, open to the people of the entered campus."""

from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.base_user import AbstractBaseUser

from apps.accounts.models import SHOWN_HERE, User
from apps.accounts.permissions import may_enter, model_permission
from apps.common.rows import FixedQuery
from apps.tenants.scope import entered_campus_id

_LIVE: Final = "id = %s AND is_active"
_LIVE_USER: Final = FixedQuery(User, _LIVE)
_LIVE_USER_HERE: Final = FixedQuery(User, _LIVE, beside=SHOWN_HERE)


class CampusBackend(AuthenticationBackend):
    """Right password *and* a role on this campus (or super_admin); else the answer is the same.

    Model permissions come from the role table, not from groups: see `permissions.py`.
    """

    def _authenticate_by_email(self, email: str, password: str) -> AbstractBaseUser | None:
        """By the account's own address alone.

        The library also believes rows beside it, which anybody's account may have for any address,
        and prefers them: they would keep the owner of the address out.
        """
        user = User.objects.filter(email=email.strip().lower()).first()
        return self._check_password(user, password)

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
        """The signed-in user, unless deactivated meanwhile. Roles are asked where they matter.

        On a campus in one statement with how they are shown there, which the audit log asks for.
        """
        campus_id = entered_campus_id()
        if campus_id is None:
            return _LIVE_USER.first(user_id)
        user = _LIVE_USER_HERE.first(campus_id, user_id)
        if user is not None:
            user.shown_as(user.beside)  # type: ignore[attr-defined]  # see `FixedQuery`
        return user

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return bool(user_obj.is_active and model_permission(user_obj, perm))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return bool(user_obj.is_active and model_permission(user_obj, f"{app_label}.view_"))


class ProviderBackend(BaseBackend):
    """Of sessions that a campus's identity provider opened: nobody elsewhere.

    The campus is part of what a session is checked against (`User.bound_to`), so wherever a session
    becomes a person again, on another campus it becomes nobody.
    """

    def get_user(self, user_id: Any) -> User | None:
        user = CampusBackend().get_user(user_id)
        if user is None or user.is_superuser:
            return None
        user.bound_to = entered_campus_id() or 0
        return user
