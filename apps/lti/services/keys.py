"""The keys by which the campus signs what it sends to platforms."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from apps.audit.services import Actor, log_event
from apps.lti.models import LtiKey
from apps.lti.tokens import new_key
from apps.tenants.published_keys import (
    published_key_ensure,
    published_key_replace,
    published_keys_purge,
)

READ_WITHIN: Final = timedelta(hours=1)  # in which platforms read a new key before it signs
BOTH_FOR: Final = timedelta(days=1)


def key_ensure(*, now: datetime, actor: Actor) -> None:
    published_key_ensure(LtiKey, partial(_make, now=now, actor=actor), now=now)


def key_replace(*, now: datetime, actor: Actor) -> LtiKey:
    """Raises `Refused` (two_keys)."""
    make = partial(_make, now=now, actor=actor)
    return published_key_replace(LtiKey, make, now=now, read_within=READ_WITHIN, both_for=BOTH_FOR)


def _make(signs_from: datetime, *, now: datetime, actor: Actor) -> LtiKey:
    key = LtiKey(created_at=now, signs_from=signs_from)
    made = new_key(key.pk)
    key.public_jwk = made.jwk
    key.seal(made.private)
    key.save()
    log_event(actor=actor, action="lti.key.made", now=now, target=key)
    return key


def keys_purge(*, now: datetime) -> int:
    return published_keys_purge(LtiKey, now=now)
