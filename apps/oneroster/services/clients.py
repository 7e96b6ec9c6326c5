"""Readers of our roster: their secret, the tokens that they get for it, and ending both."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.oneroster.models import OneRosterClient
from apps.oneroster.problems import TokenError
from apps.oneroster.selectors import scopes_of
from apps.oneroster.tokens import LIFETIME, OneRosterSecret, ReaderToken, token_text

NOTED_EVERY: Final = timedelta(minutes=1)


@transaction.atomic
def client_secret_renew(*, client: OneRosterClient, now: datetime, actor: Actor) -> str:
    """A new secret, good at once; the one before, and its tokens, are worth nothing. Returned, and
    kept nowhere."""
    secret = OneRosterSecret.new()
    client.lookup, client.digest = secret.lookup, secret.digest
    client.revoked_at, client.last_used_at = None, None
    client.save(update_fields=["lookup", "digest", "revoked_at", "last_used_at"])
    log_event(actor=actor, action="oneroster.client.secret_made", now=now, target=client)
    return str(secret)


@transaction.atomic
def client_revoke(*, client: OneRosterClient, now: datetime, actor: Actor) -> None:
    """Neither its secret nor any of its tokens opens anything from now on."""
    if OneRosterClient.objects.filter(pk=client.pk, revoked_at=None).update(revoked_at=now):
        log_event(actor=actor, action="oneroster.client.revoked", now=now, target=client)


@transaction.atomic
def client_token(
    *, client: OneRosterClient, asked: Sequence[str], now: datetime, actor: Actor
) -> tuple[str, ReaderToken]:
    """A token for what it asks and may have; nothing named is all of that.

    Raises `TokenError` (invalid_scope) where nothing is left.
    """
    allowed = scopes_of(client)
    given = tuple(scope for scope in allowed if not asked or scope in asked)
    if not given:
        raise TokenError("invalid_scope", "None of these scopes is given to this client.")
    token = ReaderToken(
        client_id=str(client.pk), secret=client.lookup, scopes=given, ends_at=now + LIFETIME
    )
    data = {"scopes": list(given)}
    log_event(actor=actor, action="oneroster.token.given", now=now, target=client, data=data)
    return token_text(token), token


def token_refused(*, client: OneRosterClient, now: datetime, actor: Actor) -> None:
    """Somebody had the id of this reader and another secret."""
    log_event(actor=actor, action="oneroster.token.refused", now=now, target=client)


def client_used(*, client: OneRosterClient, now: datetime) -> None:
    """Written down once a minute."""
    if client.last_used_at is None or now - client.last_used_at >= NOTED_EVERY:
        OneRosterClient.objects.filter(pk=client.pk).update(last_used_at=now)
