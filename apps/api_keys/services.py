"""Making, using and revoking keys."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Role, User
from apps.accounts.permissions import roles_of
from apps.api_keys.models import ApiKey
from apps.api_keys.selectors import live_keys_of
from apps.api_keys.tokens import ApiKeyToken
from apps.audit.services import Actor, log_event
from apps.common.errors import Forbidden, Invalid, Refused

MOST: Final = 20  # live keys of one person
DAYS: Final = (30, 90, 365)
NOTED_EVERY: Final = timedelta(minutes=1)
# Students' proofs are their phones': no script checks anybody in.
MAY_HAVE_KEYS: Final = frozenset((Role.ADMIN, Role.OPERATOR, Role.PRINCIPAL, Role.FACULTY))


def may_have_keys(user: User) -> bool:
    """Who works on this campus; not the administrators of the platform, whose rights cross it."""
    return not user.is_superuser and bool(roles_of(user) & MAY_HAVE_KEYS)


@transaction.atomic
def key_make(
    *, user: User, name: str, scope: str, days: int, now: datetime, actor: Actor
) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere.

    Raises `Forbidden` (role_required), `Invalid` (invalid), `Refused` (too_many_keys).
    """
    if not may_have_keys(user):
        raise Forbidden("role_required", _("Your role does not allow this."))
    name = name.strip()
    if (
        not 0 < len(name) <= 100
        or not name.isprintable()
        or scope not in ApiKey.Scope.values
        or days not in DAYS
    ):
        raise Invalid("invalid", _("A key has a name, a scope and an end."))
    User.objects.select_for_update().get(pk=user.pk)  # two requests at once count each other
    if live_keys_of(user=user, now=now).count() >= MOST:
        raise Refused("too_many_keys", _("You have 20 keys. Revoke one that is not needed."))
    token = ApiKeyToken.new()
    key = ApiKey.objects.create(
        user=user,
        name=name,
        scope=scope,
        lookup=token.lookup,
        digest=token.digest,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    log_event(
        actor=actor,
        action="api_keys.key.made",
        now=now,
        target=key,
        data={"scope": scope, "days": days, "user": user.pk},
    )
    return key, str(token)


@transaction.atomic
def keys_revoke(*, keys: Iterable[ApiKey], now: datetime, actor: Actor) -> int:
    """End keys at once; returns how many were still good."""
    ended = 0
    for key in keys:
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            ended += 1
            data = {"user": key.user_id}
            log_event(actor=actor, action="api_keys.key.revoked", now=now, target=key, data=data)
    return ended


def key_used(*, key: ApiKey, now: datetime) -> None:
    """Note when it was used last, to a minute."""
    if key.last_used_at is None or now - key.last_used_at >= NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
