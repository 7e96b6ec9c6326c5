"""Sessions that a SAML provider opened, ended when it says so."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.open_sessions import store_of
from apps.audit.services import Actor, log_event
from apps.identity_providers.models import IdentityProvider, ProviderName
from apps.signin.bound import PROVIDER_KEY
from apps.signin.selectors import sign_ins_of
from apps.tenants.signed import signed_act

KEPT_FOR: Final = timedelta(days=60)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@transaction.atomic
def provider_name_keep(*, provider: IdentityProvider, user: User, name: str, now: datetime) -> None:
    """Remember by which name the provider may sign this person out."""
    ProviderName.objects.update_or_create(
        provider=provider,
        digest=_digest(name),
        defaults={"user": user, "last_used_at": now},
    )


@transaction.atomic
def provider_sessions_end(
    *, provider: IdentityProvider, name: str, now: datetime, actor: Actor
) -> int:
    """End what this provider has opened on this campus for whom it calls so; returns how many."""
    known = ProviderName.objects.filter(provider=provider, digest=_digest(name))
    row = known.select_related("user").first()
    if row is None:
        return 0
    ended = 0
    with signed_act("usersessions_usersession"):
        for session in sign_ins_of(user=row.user, now=now, here_only=True):
            if store_of(session.session_key).get(PROVIDER_KEY) == str(provider.pk):
                session.end()
                ended += 1
    log_event(
        actor=actor,
        action="identity_providers.signed_out",
        now=now,
        target=provider,
        data={"user": row.user_id, "sessions": ended},
    )
    return ended


@transaction.atomic
def provider_names_purge(*, now: datetime) -> int:
    """Forget names of sessions that have long ended."""
    old = ProviderName.objects.filter(last_used_at__lt=now - KEPT_FOR)
    return int(old.delete()[0])
