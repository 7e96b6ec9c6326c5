"""Accounts that sign in, and their roles on a campus."""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from apps.common.texts import validate_line
from apps.tenants.models import TimestampedModel
from apps.tenants.scope import current_campus_id, entered_campus_id
from apps.tenants.signed import signed_act

BOUND: Final = "accounts.bound_session"
STRANGER: Final = "account %(id)d"
_SHOWN_NAME: Final = """
    SELECT coalesce(faculty.full_name, student.full_name, nullif(member.name, ''), member.email)
"""
_SHOWN_ROW: Final = """
    FROM accounts_member member
    LEFT JOIN accounts_faculty faculty
        ON faculty.campus_id = member.campus_id AND faculty.user_id = member.user_id
    LEFT JOIN accounts_student student
        ON student.campus_id = member.campus_id AND student.user_id = member.user_id
    WHERE member.campus_id = %s
"""
_SHOWN: Final = f"{_SHOWN_NAME}, member.user_id {_SHOWN_ROW} AND member.user_id = ANY(%s::bigint[])"
# How one account, read beside this, is shown on the campus that is its only parameter.
SHOWN_HERE: Final = f"({_SHOWN_NAME} {_SHOWN_ROW} AND member.user_id = accounts_user.id)"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username or "")

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make an account; without a password it cannot sign in until one is set."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        with signed_act("accounts_user") if user.is_superuser else nullcontext():
            user.save(using=self._db)
        return user

    def show(self, users: Iterable["User"]) -> None:
        """Read how these accounts are shown on the entered campus; one query.

        By their entry as faculty or student, else by the name or the address that the campus has
        of them; a platform administrator without any of these by their own.
        """
        found: dict[int, list[User]] = {}
        for user in users:
            found.setdefault(user.pk, []).append(user)
        if not found:
            return
        campus_id = current_campus_id()
        with connection.cursor() as cursor:
            cursor.execute(_SHOWN, [campus_id, list(found)])
            shown = {pk: name for name, pk in cursor.fetchall()}
        for pk, same in found.items():
            for user in same:
                user.shown_as(shown.get(pk))

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in. What they may do is said by their memberships, campus by campus.

    `is_superuser` is the platform's super_admin, who belongs to no campus.
    """

    email = models.EmailField(_("e-mail"), max_length=254)
    name = models.CharField(_("name"), max_length=200, blank=True, validators=[validate_line])
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    must_change_password = models.BooleanField(_("must change password"), default=False)
    bound_to: int | None = None  # the campus of a session that is good there alone
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []  # type: ignore[misc]

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["email"]
        constraints = [
            # `unique=True` would add a second index, for patterns that nobody looks for.
            models.UniqueConstraint(fields=["email"], name="user_email_unique"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower_case"),
        ]

    def __str__(self) -> str:
        """As shown on the entered campus; outside every campus, by the person's own name.

        One query where it is not known yet: `UserManager.show` asks for many at once.
        """
        campus_id = entered_campus_id()
        if campus_id is None or self.pk is None:
            return self.get_full_name()
        if campus_id not in self._shown:
            User.objects.show([self])
        return self._shown[campus_id]

    @property
    def _shown(self) -> dict[int, str]:
        """Campus → how this account is shown there."""
        shown: dict[int, str] = self.__dict__.setdefault("_shown_as", {})
        return shown

    def shown_as(self, name: str | None) -> None:
        """Remember how this account is shown on the entered campus, where that was just read.

        None: the campus knows nothing of it. A platform administrator goes by the own name there,
        anybody else by a number.
        """
        unknown = self.get_full_name() if self.is_superuser else STRANGER % {"id": self.pk}
        self._shown[current_campus_id()] = name or unknown

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session is checked against, under a key and those before it: the password, and
        the campus where it is bound to one."""
        own: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if self.bound_to is None:
            return own
        return salted_hmac(BOUND, f"{own}:{self.bound_to}", secret=secret).hexdigest()

    def get_full_name(self) -> str:
        """The person's own name: for themself and the platform, never for a campus."""
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """For libraries that ask: the admin itself asks the campus's roles."""
        return self.is_superuser


class Role(models.TextChoices):
    ADMIN = "admin", _("administrator")
    OPERATOR = "operator", _("operator")
    PRINCIPAL = "principal", _("principal")
    FACULTY = "faculty", _("faculty")
    STUDENT = "student", _("student")


class Membership(TimestampedModel):
    """One role of one user on this campus."""

    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("user"),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ["user_id", "role"]
        constraints = [
            models.UniqueConstraint(fields=["user", "campus", "role"], name="membership_unique"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
