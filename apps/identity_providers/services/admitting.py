"""Letting in whom a provider has described, and remembering who they are."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from apps.accounts.models import Membership, Person, Role, User
from apps.accounts.notices import account_notice
from apps.accounts.services import student_create
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.identity_providers.claims import Identity
from apps.identity_providers.models import IdentityProvider, ProviderLink
from apps.identity_providers.problems import SignInRefusal
from apps.identity_providers.selectors import Judgement, judge, number_changed
from apps.notifications.services import notify


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Who comes in, or why nobody does."""

    user: User | None = None
    problem: SignInRefusal | None = None


@transaction.atomic
def person_admit(
    *, provider: IdentityProvider, identity: Identity, now: datetime, actor: Actor
) -> Admission:
    """Who this is here. The first time it is linked, and the person is told.

    A refusal is an answer and not an exception: it stands in the audit log.
    """
    found = judge(provider=provider, identity=identity)
    user, problem = found.user, found.problem
    if found.is_new:
        user, problem = _made(provider=provider, identity=identity, now=now, actor=actor)
    if problem is None and user is not None and found.link is None:
        problem = _linked(
            provider=provider, identity=identity, user=user, found=found, now=now, actor=actor
        )
    if problem is not None or user is None:
        why = problem or SignInRefusal.UNKNOWN
        log_event(
            actor=actor,
            action="identity_providers.sign_in.refused",
            now=now,
            target=provider,
            data={"reason": why.value},
        )
        return Admission(problem=why)
    ProviderLink.objects.filter(user=user, provider=provider).update(last_used_at=now)
    log_event(
        actor=actor,
        action="identity_providers.sign_in.accepted",
        now=now,
        target=provider,
        data={"user": user.pk},
    )
    return Admission(user=user)


def _made(
    *, provider: IdentityProvider, identity: Identity, now: datetime, actor: Actor
) -> tuple[User | None, SignInRefusal | None]:
    """A new student; without a login where the owner of the account is asked first."""
    try:
        student = student_create(
            code=identity.number,
            first_name=identity.first_name,
            last_name=identity.last_name,
            email=identity.email,
            now=now,
            actor=actor,
        )
    except Refused:  # a number of another shape, or taken a moment ago
        return None, SignInRefusal.UNKNOWN
    log_event(
        actor=actor,
        action="identity_providers.student.made",
        now=now,
        target=student,
        data={"provider": str(provider.pk)},
    )
    return student.user, SignInRefusal.NO_LOGIN if student.user is None else None


def _linked(
    *,
    provider: IdentityProvider,
    identity: Identity,
    user: User,
    found: Judgement,
    now: datetime,
    actor: Actor,
) -> SignInRefusal | None:
    try:
        with transaction.atomic():
            link = ProviderLink.objects.create(
                provider=provider,
                issuer=identity.issuer,
                subject=identity.subject,
                user=user,
                last_used_at=now,
            )
    except IntegrityError:  # two first sign-ins at once
        return SignInRefusal.LINKED
    log_event(
        actor=actor,
        action="identity_providers.link.made",
        now=now,
        target=link,
        data={
            "provider": str(provider.pk),
            "user": user.pk,
            "by": "number" if found.by_number else "new entry" if found.is_new else "address",
        },
    )
    account_notice(user=user, text="sign_in_connected", data={"provider": provider.name}, now=now)
    if found.by_number and found.entry is not None:
        _tell_administrators(link=link, entry=found.entry, now=now)
    return None


def _tell_administrators(*, link: ProviderLink, entry: Person, now: datetime) -> None:
    """Who came in by nothing but a number that was written into the entry by hand: a wrong one
    lets somebody else in."""
    change = number_changed(entry)
    if change is None:
        return
    admins = Membership.objects.filter(role=Role.ADMIN, is_active=True, user__is_active=True)
    notify(
        kind="account_security",
        text="number_connected",
        user_ids=list(admins.values_list("user_id", flat=True)),
        data={
            "person": str(entry),
            "provider": link.provider.name,
            "who": change.actor_label,
            "day": f"{change.at:%Y-%m-%d}",
        },
        now=now,
        key=f"number_connected:{link.pk}",
    )
