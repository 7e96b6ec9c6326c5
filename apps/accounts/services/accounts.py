"""Accounts: the platform-wide identity that a person signs in with."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.db import IntegrityError, transaction

from apps.accounts.models import Member, User
from apps.accounts.notices import password_changed
from apps.accounts.open_sessions import belongs_here, store_of
from apps.audit.services import Actor, log_event, log_platform_event
from apps.tenants.bulk import UpsertCounts
from apps.tenants.scope import entered_campus_id
from apps.tenants.signed import signed_act


def log(*, actor: Actor, action: str, now: datetime, target: Any, **data: Any) -> None:
    """An audit entry of the entered campus.

    A super_admin may act outside every campus (first sign-in, own password): that stands in the
    platform's log.
    """
    write = log_platform_event if entered_campus_id() is None else log_event
    write(actor=actor, action=action, now=now, target=target, data=data)


def log_many(
    *, actor: Actor, action: str, now: datetime, counts: UpsertCounts, source: str
) -> None:
    """One entry for a whole sheet: how many rows did what, and which file said so."""
    write = log_platform_event if entered_campus_id() is None else log_event
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    write(actor=actor, action=action, now=now, data=data)


@transaction.atomic
def account_provide(
    *, email: str, name: str, password: str | None = None, must_change_password: bool = False
) -> tuple[User, bool]:
    """The account of this e-mail address and whether it was made now.

    One person may belong to several campuses with one account. An account that exists keeps its
    name and password: a campus must not be able to take over somebody's sign-in elsewhere. Whether
    this campus may have it without asking is another question: `invitations.account_offer`.
    Without a password the account cannot sign in until one is set (reset mail, or Google).
    """
    email = email.strip().lower()
    known = User.objects.filter(email=email).first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                email, password, name=name, must_change_password=must_change_password
            )
    except IntegrityError:
        return User.objects.get(email=email), False
    return user, True


@transaction.atomic
def password_set(
    *,
    user: User,
    password: str,
    now: datetime,
    actor: Actor,
    must_change_password: bool = False,
    notify: bool = True,
) -> None:
    """Set the password and end every session of the account at once.

    For the person themself and for the platform's commands. Not for administrators of a campus:
    the account may be good on other campuses too, so they send a reset mail instead. The person
    is told, unless they have to choose another password anyway, or `notify` is False: for people
    who are made up.
    """
    user.set_password(password)
    user.must_change_password = must_change_password
    with signed_act("accounts_user"):
        user.save(update_fields=["password", "must_change_password", "updated_at"])
    sessions_end(user=user)
    log(actor=actor, action="accounts.password.set", now=now, target=user)
    if notify and entered_campus_id() is not None and not must_change_password:
        password_changed(user=user, now=now)


@transaction.atomic
def account_deactivate(*, user: User, now: datetime, actor: Actor) -> None:
    """Close the account on every campus and end its sessions at once. Nothing is deleted."""
    with signed_act("accounts_user"):
        closed = User.objects.filter(pk=user.pk, is_active=True).update(is_active=False)
    user.is_active = False
    sessions_end(user=user)
    if closed:
        log(actor=actor, action="accounts.account.deactivated", now=now, target=user)


@transaction.atomic
def super_admin_set(*, user: User, is_super: bool, now: datetime, actor: Actor) -> None:
    """Make the account an administrator of the platform, or end that and its sessions at once."""
    with signed_act("accounts_user"):
        changed = (
            User.objects.filter(pk=user.pk)
            .exclude(is_superuser=is_super)
            .update(is_superuser=is_super, updated_at=now)
        )
    user.is_superuser = is_super
    if changed and not is_super:
        sessions_end(user=user)
    if changed:
        action = "accounts.super_admin.given" if is_super else "accounts.super_admin.taken"
        log(actor=actor, action=action, now=now, target=user)


def sessions_end(*, user: User) -> int:
    """Sign the account out everywhere, browsers and phones; returns how many sessions ended.

    For the person themself and the platform. A campus ends its own sessions:
    `campus_sessions_end`.
    """
    return _end(UserSession.objects.filter(user=user).order_by("pk"))


def campus_sessions_end(*, user: User) -> int:
    """End what was opened on the entered campus, browsers and phones; returns how many.

    Not those of a platform administrator, whom no campus signs out.
    """
    if user.is_superuser:
        return 0
    sessions = UserSession.objects.filter(user=user).order_by("pk")
    return _end(session for session in sessions if belongs_here(store_of(session.session_key)))


@transaction.atomic
def other_sessions_end(
    *,
    user: User,
    session_key: str,
    now: datetime,
    actor: Actor,
    only: int | None = None,
    here_only: bool = False,
) -> int:
    """Sign the account out everywhere but in the session of this key; returns how many ended.

    `only`: the number of the one session to end. For the person themself; `here_only`: who came in
    by the campus's identity provider ends what was opened on the entered campus.
    """
    sessions = UserSession.objects.filter(user=user).exclude(session_key=session_key).order_by("pk")
    if only is not None:
        sessions = sessions.filter(pk=only)
    ended = _end(s for s in sessions if not here_only or belongs_here(store_of(s.session_key)))
    if ended:
        data = {"sessions": ended}
        log(actor=actor, action="accounts.signed_out_elsewhere", now=now, target=user, **data)
    return ended


def _end(sessions: Iterable[UserSession]) -> int:
    ended = 0
    with signed_act("usersessions_usersession"):
        for session in sessions:
            session.end()
            ended += 1
    return ended


def sign_in_record(*, user: User, now: datetime, actor: Actor) -> None:
    """Note a successful sign-in: in the audit log, and as the last one on this campus."""
    if entered_campus_id() is not None:
        Member.objects.filter(user=user).update(last_sign_in_at=now)
    log(actor=actor, action="accounts.signed_in", now=now, target=user)


def platform_account_record(
    *, user: User, action: str, now: datetime, actor: Actor, **data: Any
) -> None:
    """Note in the platform's log what happened to an account that no campus answers for."""
    log_platform_event(actor=actor, action=action, now=now, target=user, data=data)


def second_factor_record(
    *, user: User, action: str, now: datetime, actor: Actor, **facts: Any
) -> None:
    """Note a change of somebody's second factor where they act: on their campus, or outside."""
    log(actor=actor, action=action, now=now, target=user, **facts)
