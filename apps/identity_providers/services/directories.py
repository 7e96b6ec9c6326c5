"""Directories of people: their keys, and what they say of who has left."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Membership, Person, Role, Student, User
from apps.accounts.selectors import device_of
from apps.accounts.services import (
    campus_sessions_end,
    device_reset,
    membership_add,
    person_deactivate,
    profile_activate,
    profile_deactivate,
)
from apps.api_keys.selectors import live_keys_of
from apps.api_keys.services import keys_revoke
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.identity_providers.models import Leaver, ScimClient, ScimPerson
from apps.identity_providers.scim_keys import ScimToken
from apps.signin.services.passkeys import campus_passkeys_remove

ENTRIES: Final[dict[str, type[Person]]] = {Role.STUDENT: Student, Role.FACULTY: Faculty}
REASON: Final = "closed by the directory"
NOTED_EVERY: Final = timedelta(minutes=1)


@transaction.atomic
def scim_client_key_renew(*, client: ScimClient, now: datetime, actor: Actor) -> str:
    """A new key, good at once; the one before is worth nothing. Returned, and kept nowhere."""
    token = ScimToken.new()
    client.lookup, client.digest = token.lookup, token.digest
    client.revoked_at, client.last_used_at = None, None
    client.save(update_fields=["lookup", "digest", "revoked_at", "last_used_at"])
    log_event(actor=actor, action="identity_providers.scim_key.made", now=now, target=client)
    return str(token)


@transaction.atomic
def scim_client_revoke(*, client: ScimClient, now: datetime, actor: Actor) -> None:
    """Its key is worth nothing from now on."""
    if ScimClient.objects.filter(pk=client.pk, revoked_at=None).update(revoked_at=now):
        action = "identity_providers.scim_key.revoked"
        log_event(actor=actor, action=action, now=now, target=client)


def scim_client_used(*, client: ScimClient, now: datetime) -> None:
    """Written down once a minute."""
    if client.last_used_at is None or now - client.last_used_at >= NOTED_EVERY:
        ScimClient.objects.filter(pk=client.pk).update(last_used_at=now)


@transaction.atomic
def external_id_set(
    *, client: ScimClient, user: User, external_id: str, now: datetime, actor: Actor
) -> None:
    """What the directory calls the person. Raises `Refused` (uniqueness)."""
    known = ScimPerson.objects.filter(client=client, user=user).first()
    if known is not None and known.external_id == external_id:
        return
    try:
        with transaction.atomic():
            ScimPerson.objects.update_or_create(
                client=client, user=user, defaults={"external_id": external_id}
            )
    except IntegrityError as error:
        raise Refused("uniqueness", _("Somebody else has this externalId.")) from error
    action = "identity_providers.scim_person.named"
    log_event(actor=actor, action=action, now=now, target=client, data={"user": user.pk})


@transaction.atomic
def person_leaves(*, user: User, now: datetime, actor: Actor) -> None:
    """Close this campus to somebody at once: roles, sessions, phones, passkeys of its hosts, keys.

    The register and every row about them stay, and so does the account, which may be good
    elsewhere. Twice is once. Raises `Refused` (last_administrator).
    """
    roles = _roles_locked(user)
    if not roles:
        return
    if Role.ADMIN in roles and not _others_administer(user):
        raise Refused("last_administrator", _("The last administrator cannot be closed."))
    entries = _entries(user)
    _remember(user, roles, list(entries), now)
    for entry in entries.values():
        profile_deactivate(person=entry, now=now, actor=actor)
    person_deactivate(user=user, now=now, actor=actor)
    ended = _credentials_end(user, entries.get(Role.STUDENT), now, actor)
    log_event(
        actor=actor, action="identity_providers.person.left", now=now, target=user, data=ended
    )


def _credentials_end(user: User, student: Any, now: datetime, actor: Actor) -> dict[str, int]:
    """What of the account's was good here; how many of each."""
    sessions = campus_sessions_end(user=user)
    devices = 0
    if student is not None and device_of(student=student) is not None:
        device_reset(student=student, reason=REASON, now=now, actor=actor)
        devices = 1
    passkeys = campus_passkeys_remove(user=user, reason=REASON, now=now, actor=actor)
    keys = keys_revoke(keys=live_keys_of(user=user, now=now), now=now, actor=actor)
    return {"sessions": sessions, "devices": devices, "passkeys": passkeys, "keys": keys}


@transaction.atomic
def person_returns(*, user: User, now: datetime, actor: Actor) -> None:
    """Give back the roles and entries that the directory took, and no others.

    Phones are bound, passkeys and keys made again by the person. Raises `Refused` (closed_by_hand)
    for somebody whom the office has closed, also where it had reopened them after the directory.
    """
    is_open = bool(_roles_locked(user))
    leaver = Leaver.objects.filter(user=user).first()
    if is_open:  # the office was first, and its word stands
        Leaver.objects.filter(user=user).delete()
        return
    if leaver is None or _was_touched(user, since=leaver.left_at):
        message = _("The office has closed this person here, and it alone reopens them.")
        raise Refused("closed_by_hand", message)
    for role in leaver.roles:
        membership_add(user=user, role=role, now=now, actor=actor)
    for role in leaver.entries:
        entry = ENTRIES[role]._default_manager.filter(user=user).first()
        if entry is not None:
            profile_activate(person=entry, now=now, actor=actor)
    leaver.delete()
    data = {"roles": leaver.roles}
    action = "identity_providers.person.returned"
    log_event(actor=actor, action=action, now=now, target=user, data=data)


def _was_touched(user: User, *, since: datetime) -> bool:
    """Whether somebody gave or took a role since the directory took them all."""
    return Membership.objects.filter(user=user, updated_at__gt=since).exists()


def _roles_locked(user: User) -> list[str]:
    """The active roles; a second request about the same person waits here."""
    rows = Membership.objects.select_for_update().filter(user=user).order_by("pk")
    return [row.role for row in rows if row.is_active]


def _others_administer(user: User) -> bool:
    others = Membership.objects.filter(role=Role.ADMIN, is_active=True, user__is_active=True)
    return others.exclude(user=user).exists()


def _entries(user: User) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for role, kind in ENTRIES.items():
        entry = kind._default_manager.filter(user=user, is_active=True).first()
        if entry is not None:
            found[role] = entry
    return found


def _remember(user: User, roles: list[str], entries: list[str], now: datetime) -> None:
    """In the place of an earlier leave: of what that took, the office has given back what it
    wanted to."""
    taken = {"left_at": now, "roles": sorted(roles), "entries": sorted(entries)}
    Leaver.objects.update_or_create(user=user, defaults=taken)
