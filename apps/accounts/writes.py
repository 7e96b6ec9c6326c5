"""Who may write which field of a person: one table for the API, the administration and imports."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Member, Membership, Role, User
from apps.accounts.permissions import model_permission, roles_of
from apps.common.errors import Forbidden
from apps.tenants.selectors import is_only_campus, own_domains

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
# The login follows from the address. A person without one may be linked to one; a person with one
# keeps it: see `login_renew`, the one way to another.
LOGIN: Final = Rule(NOBODY, ADMINS)

STUDENT: Final = "accounts.student"
FACULTY: Final = "accounts.faculty"
MEMBER: Final = "accounts.member"
MEMBERSHIP: Final = "accounts.membership"
CONTACT: Final = "accounts.contact"
ALLOWED: Final = "accounts.allowedaddress"

# How an entry names the account behind it, on every page and in the audit log, and by what the
# campus's identity provider finds it.
KNOWN_BY: Final = frozenset(("code", "first_name", "last_name", "email"))
KNOWN_WITH_OTHER_ROLES: Final = gettext_lazy(
    "Somebody with other roles here is known by this: an administrator changes it."
)
WITH_OTHER_ROLES: Final = gettext_lazy(
    "Somebody with other roles here signs in with this address: an administrator enters them."
)

ACCOUNT_OTHER_ROLES: Final = gettext_lazy(
    "This account has other roles: only somebody who gives such roles changes how it signs in."
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
    def is_platform_administrator(self) -> bool:
        """Whether everything may be written: a super_admin, or a command on the server."""
        return self.is_platform or bool(
            self.user and self.user.is_active and self.user.is_superuser
        )

    def has(self, perm: str) -> bool:
        """Django's permission string, "app.action_model"."""
        return self.is_platform_administrator or (
            self.user is not None and model_permission(self.user, perm)
        )

    def may(self, model: str, field: str, *, adding: bool) -> bool:
        """Whether this field of that model may be written; raises `KeyError` outside the table."""
        rule = WRITES[model][field]
        if self.is_platform_administrator:
            return True
        return self.user is not None and bool(
            frozenset(rule.add if adding else rule.change) & roles_of(self.user)
        )

    def fields(self, model: str, *, adding: bool) -> frozenset[str]:
        """The fields of that model that may be written."""
        return frozenset(name for name in WRITES[model] if self.may(model, name, adding=adding))


PLATFORM: Final = Writer(is_platform=True)  # commands on the server


def refuse_fields(writer: Writer, model: str, names: Iterable[str], *, adding: bool) -> None:
    """Raises `Forbidden` (field_not_allowed) where one of these fields is not this writer's."""
    denied = sorted(set(names) - writer.fields(model, adding=adding))
    if denied:
        message = _("Your role does not allow writing: %(fields)s.") % {"fields": ", ".join(denied)}
        raise Forbidden("field_not_allowed", message, fields=denied)


def joins_at_once(*, user: User) -> bool:
    """Whether this campus may give the account a role without asking its owner.

    Where the account is known here already, where no other campus exists that it could belong to,
    and for addresses of the campus's own, verified domains. See docs/decisions/0013.
    """
    return (
        Member.objects.filter(user=user).exists()
        or is_only_campus()
        or user.email.rpartition("@")[2] in own_domains()
    )


def more_than_students() -> QuerySet[User]:
    """Accounts that are more than a student here: by another active role on the entered campus, or
    as administrators of the platform, who need no role anywhere."""
    held = Membership.objects.filter(user=OuterRef("pk"), is_active=True)
    return User.objects.filter(Exists(held.exclude(role=Role.STUDENT)) | Q(is_superuser=True))


def kept_fields(writer: Writer, user_id: int | None) -> frozenset[str]:
    """The fields that this writer must leave as they are in the entry of that account: what it is
    known by, where the account is more than a student here and this writer gives no roles."""
    if user_id is None or writer.may(MEMBERSHIP, "role", adding=True):
        return frozenset()
    return KNOWN_BY if more_than_students().filter(pk=user_id).exists() else frozenset()


def kept_addresses(writer: Writer, emails: Collection[str]) -> frozenset[str]:
    """Those of these addresses (lower case) that this writer must not enter as somebody new: they
    sign in somebody who is more than a student here, and this writer gives no roles.

    A platform administrator whom this campus would have to ask first is not named: an invitation
    says nothing of who the owner is.
    """
    if writer.may(MEMBERSHIP, "role", adding=True):
        return frozenset()
    found = more_than_students().filter(email__in=emails)
    return frozenset(
        user.email for user in found if not user.is_superuser or joins_at_once(user=user)
    )


def refuse_address(writer: Writer, email: str) -> None:
    """Raises `Forbidden` (account_with_other_roles) where this writer must not enter somebody new
    with this address.

    An entry names its account on every page and in the audit log, and ends its sessions when it is
    closed: an operator must not get that over administrators by entering them as students.
    """
    if kept_addresses(writer, [email.strip().lower()]):
        raise Forbidden("account_with_other_roles", str(WITH_OTHER_ROLES))


def refuse_account(writer: Writer, user_id: int | None) -> None:
    """Raises `Forbidden` (account_with_other_roles) where this writer must not change how that
    account gets in: it is more than a student here, and this writer gives no roles; or it is a
    platform administrator's, which no campus changes.

    By the account, not by the address of an entry, which the one who writes the entry can change.
    """
    if user_id is None or writer.is_platform_administrator:
        return
    held = more_than_students().filter(pk=user_id)
    if writer.may(MEMBERSHIP, "role", adding=True):
        held = held.filter(is_superuser=True)
    if held.exists():
        raise Forbidden("account_with_other_roles", str(ACCOUNT_OTHER_ROLES))
