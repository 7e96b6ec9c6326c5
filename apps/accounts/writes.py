"""Who may write which field of a person: one table for the API, the administration and imports."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Membership, Role
from apps.accounts.permissions import model_permission, roles_of
from apps.common.errors import Forbidden

OFFICE: Final = frozenset({Role.ADMIN, Role.OPERATOR})
ADMINS: Final = frozenset({Role.ADMIN})
NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Rule:
    """Roles that may give this field to somebody new, and roles that may change it later."""

    add: Collection[str]
    change: Collection[str]


BY_OFFICE: Final = Rule(OFFICE, OFFICE)
BY_ADMINS: Final = Rule(ADMINS, ADMINS)
# Whether somebody is active here follows from adding them; afterwards it is a field.
STATE_BY_OFFICE: Final = Rule(NOBODY, OFFICE)
STATE_BY_ADMINS: Final = Rule(NOBODY, ADMINS)
# The login follows from the address. Whoever has none may be linked to one; whoever has one keeps
# it: see `login_renew`, the one way to another.
LOGIN: Final = Rule(NOBODY, ADMINS)

STUDENT: Final = "accounts.student"
FACULTY: Final = "accounts.faculty"
MEMBER: Final = "accounts.member"
MEMBERSHIP: Final = "accounts.membership"
CONTACT: Final = "accounts.contact"
ALLOWED: Final = "accounts.allowedaddress"

WITH_OTHER_ROLES: Final = gettext_lazy(
    "Somebody with other roles here signs in with this address: an administrator enters them."
)

_PERSON: Final = ("code", "first_name", "last_name", "email", "phone")
_STUDY: Final = ("year_of_study", "program", "age", "is_representative", "representative_mobile")
_CONTACT: Final = (
    *("student", "name", "relation", "email", "phone", "language"),
    *("consented_on", "consent_note", "is_active"),
)
WRITES: Final[dict[str, dict[str, Rule]]] = {
    STUDENT: {
        **dict.fromkeys((*_PERSON, *_STUDY), BY_OFFICE),
        "is_active": STATE_BY_OFFICE,
        "user": LOGIN,
    },
    FACULTY: {
        **dict.fromkeys((*_PERSON, "department"), BY_ADMINS),
        "is_active": STATE_BY_ADMINS,
        "user": LOGIN,
    },
    MEMBER: dict.fromkeys(("email", "name", "language"), BY_ADMINS)
    | {"email": Rule(ADMINS, NOBODY)},
    MEMBERSHIP: dict.fromkeys(("user", "role", "is_active"), BY_ADMINS),
    CONTACT: dict.fromkeys(_CONTACT, BY_OFFICE),
    ALLOWED: dict.fromkeys(("email", "note"), BY_ADMINS),
}


@dataclass(frozen=True)
class Writer:
    """Whose rights are asked: an account's on the entered campus, or everything (`PLATFORM`)."""

    user: Any = None
    is_platform: bool = False

    @property
    def _everything(self) -> bool:
        return self.is_platform or bool(
            self.user and self.user.is_active and self.user.is_superuser
        )

    def has(self, perm: str) -> bool:
        """Django's permission string, "app.action_model"."""
        return self._everything or (self.user is not None and model_permission(self.user, perm))

    def may(self, model: str, field: str, *, adding: bool) -> bool:
        """Whether this field of that model may be written; raises `KeyError` outside the table."""
        rule = WRITES[model][field]
        if self._everything:
            return True
        return self.user is not None and bool(
            frozenset(rule.add if adding else rule.change) & roles_of(self.user)
        )

    def fields(self, model: str, *, adding: bool) -> frozenset[str]:
        """The fields of that model that may be written."""
        return frozenset(name for name in WRITES[model] if self.may(model, name, adding=adding))


PLATFORM: Final = Writer(is_platform=True)  # commands, run by whoever has the server


def refuse_fields(writer: Writer, model: str, names: Iterable[str], *, adding: bool) -> None:
    """Raises `Forbidden` (field_not_allowed) where one of these fields is not this writer's."""
    denied = sorted(set(names) - writer.fields(model, adding=adding))
    if denied:
        message = _("Your role does not allow writing: %(fields)s.") % {"fields": ", ".join(denied)}
        raise Forbidden("field_not_allowed", message, fields=denied)


def with_more_roles() -> QuerySet[Membership]:
    """Active roles on the entered campus that are more than a student's."""
    return Membership.objects.filter(is_active=True).exclude(role=Role.STUDENT)


def refuse_account(writer: Writer, email: str) -> None:
    """Raises `Forbidden` (account_with_other_roles) where the address signs in somebody who is more
    than a student here, and this writer gives no roles.

    An entry names its account on every page and in the audit log, and ends its sessions when it is
    closed: an operator must not get that over administrators by entering them as students.
    """
    if writer.may(MEMBERSHIP, "role", adding=True):
        return
    if with_more_roles().filter(user__email=email.strip().lower()).exists():
        raise Forbidden("account_with_other_roles", str(WITH_OTHER_ROLES))
