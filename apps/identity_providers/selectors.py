"""Which providers a campus has, who somebody of theirs is here, and who has to come in by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Member, Membership, Person, Role, Student, User
from apps.accounts.permissions import may_enter, roles_of
from apps.audit.models import Entry
from apps.common.errors import NotFound
from apps.identity_providers.claims import LONGEST_NUMBER, Identity
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.identity_providers.problems import SignInRefusal

OF_ROLE: dict[str, type[Person]] = {Role.STUDENT: Student, Role.FACULTY: Faculty}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Who somebody of a provider would be here: an account, nobody (`problem`), or a new student.

    `link` is the one of an earlier sign-in; `entry` the student or faculty member that was found,
    `by_number` alone where the account has not the address that came, or none came.
    """

    user: User | None = None
    problem: SignInRefusal | None = None
    link: ProviderLink | None = None
    entry: Person | None = None
    is_new: bool = False
    by_number: bool = False


def active_providers() -> QuerySet[IdentityProvider]:
    return IdentityProvider.objects.filter(is_active=True)


def provider_by_id(*, provider_id: Any) -> IdentityProvider:
    """Raises `NotFound` (no_such_provider): unknown, switched off, or another campus's."""
    found = active_providers().filter(pk=provider_id).first()
    if found is None:
        raise NotFound("no_such_provider", _("This campus has no such sign-in any more."))
    return found


def saml_providers() -> QuerySet[IdentityProvider]:
    return active_providers().filter(protocol=IdentityProvider.Protocol.SAML)


def saml_provider_of(*, issuer: str) -> IdentityProvider:
    """By its entityID. Raises `NotFound` (no_such_provider)."""
    found = saml_providers().select_related("source").filter(issuer=issuer).first()
    if found is None:
        raise NotFound("no_such_provider", _("This campus has no such sign-in any more."))
    return found


def judge(*, provider: IdentityProvider, identity: Identity) -> Judgement:
    """By the link of an earlier sign-in alone, where there is one; else by number, else by the
    verified address.

    The office may write another number or address into an entry, and so gives nobody its account:
    a number does not count against the address that comes with it, nor an address for an account
    that has another one; and a number alone counts for whom the provider speaks.
    """
    link = (
        ProviderLink.objects.filter(
            provider=provider, issuer=identity.issuer, subject=identity.subject
        )
        .select_related("user")
        .first()
    )
    if link is not None:
        return Judgement(user=link.user, problem=_problem(link.user, identity), link=link)
    entries, by_address = _by_number(identity), _by_address(identity)
    users = {entry.user for entry in entries if entry.user is not None}
    named = _named(identity, by_address)
    if not entries:
        entries, users = by_address, named
    elif users:
        users |= named
    if len(users) > 1:
        return Judgement(problem=SignInRefusal.AMBIGUOUS)
    entry = entries[0] if entries else None
    if not users:
        if entry is not None:
            return Judgement(problem=SignInRefusal.NO_LOGIN, entry=entry)
        is_new = _may_be_made(provider, identity)
        return Judgement(problem=None if is_new else SignInRefusal.UNKNOWN, is_new=is_new)
    (user,) = users
    by_number = user not in named
    problem = _first_problem(provider, identity, user, by_number=by_number)
    return Judgement(user=user, problem=problem, entry=entry, by_number=by_number)


def _first_problem(
    provider: IdentityProvider, identity: Identity, user: User, *, by_number: bool
) -> SignInRefusal | None:
    """Why this account, which was found, is not let in by a first sign-in."""
    problem = _problem(user, identity)
    if problem is None and by_number:
        problem = _number_problem(provider, identity, user)
    if problem is None and ProviderLink.objects.filter(user=user).exists():
        problem = SignInRefusal.LINKED
    return problem


def _problem(user: User, identity: Identity) -> SignInRefusal | None:
    if user.is_superuser:
        return SignInRefusal.PLATFORM
    if not may_enter(user):
        return SignInRefusal.UNKNOWN
    return None if roles_of(user) & identity.roles else SignInRefusal.NO_ROLE


def _number_problem(
    provider: IdentityProvider, identity: Identity, user: User
) -> SignInRefusal | None:
    """Why a number does not count for this account, which has not the address that came with it."""
    domain = user.email.rpartition("@")[2]
    if provider.email_domains and domain not in provider.email_domains:
        return SignInRefusal.NOT_ITS_OWN
    if identity.email.rpartition("@")[2] == domain:
        return SignInRefusal.OTHER_ADDRESS
    return None


def number_changed(entry: Person) -> Entry | None:
    """The last change of this number by hand, as the log has it."""
    changes = Entry.objects.filter(
        target_type=entry._meta.label_lower,
        target_id=str(entry.pk),
        action=f"admin.{entry._meta.model_name}.changed",
        data__has_key="code",
    )
    return changes.order_by("-at", "-pk").first()


def _kinds(identity: Identity) -> Iterable[type[Person]]:
    return (kind for role, kind in OF_ROLE.items() if role in identity.roles)


def _by_number(identity: Identity) -> list[Any]:
    if not 0 < len(identity.number) <= LONGEST_NUMBER:
        return []
    return _entries(identity, code__iexact=identity.number)


def _by_address(identity: Identity) -> list[Any]:
    return _entries(identity, email__iexact=identity.email) if identity.email else []


def _named(identity: Identity, entries: Iterable[Any]) -> set[User]:
    """Whose the address is: of these entries with it those that sign in by it, else a member."""
    users = {entry.user for entry in entries if entry.user is not None}
    return {user for user in users if user.email == identity.email} or _members(identity)


def _entries(identity: Identity, **wanted: Any) -> list[Any]:
    return [
        entry
        for kind in _kinds(identity)
        for entry in kind._default_manager.filter(is_active=True, **wanted).select_related("user")
    ]


def _members(identity: Identity) -> set[User]:
    """People without an entry, administrators for one, by the address by which they joined."""
    if not identity.email:
        return set()
    found = Member.objects.filter(email=identity.email).select_related("user")
    return {member.user for member in found if roles_of(member.user)}


def _may_be_made(provider: IdentityProvider, identity: Identity) -> bool:
    return bool(
        provider.makes_students
        and 0 < len(identity.number) <= LONGEST_NUMBER
        and identity.email
        and identity.first_name
        and Role.STUDENT in identity.roles
        and not Student.objects.filter(code__iexact=identity.number).exists()
        and not Student.objects.filter(email__iexact=identity.email).exists()
    )


def only_by_provider(user: Any) -> str:
    """Why this account comes in by a provider alone; "" where it need not.

    An entry rule of `signin.registry`. Never for administrators while no other administrator has an
    emergency account: somebody has to come in when the provider is down.
    """
    roles = roles_of(user)
    if user.is_superuser or not roles:
        return ""
    providers = active_providers().only("name", "only_roles")
    named = [one for one in providers if roles & set(one.only_roles)]
    if not named or EmergencyAccount.objects.filter(user=user).exists():
        return ""
    if Role.ADMIN in roles and not _has_emergency_administrator():
        return ""
    message = _("With your role you sign in by %(providers)s, not by a password.")
    return message % {"providers": ", ".join(provider.name for provider in named)}


def _has_emergency_administrator() -> bool:
    accounts = EmergencyAccount.objects.filter(user__is_active=True).values("user_id")
    return Membership.objects.filter(user_id__in=accounts, role=Role.ADMIN, is_active=True).exists()
