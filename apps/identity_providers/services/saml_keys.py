"""The campus's keys for SAML: a first one, a new one, and the end of old ones."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from apps.audit.services import Actor, log_event
from apps.identity_providers.models import SamlKey
from apps.saml.keys import new_key
from apps.tenants.addresses import campus_host
from apps.tenants.published_keys import (
    published_key_ensure,
    published_key_replace,
    published_keys_purge,
)

# Federations pass metadata on within a day or two; providers read it a few times a day.
READ_WITHIN: Final = timedelta(days=3)
BOTH_FOR: Final = timedelta(days=14)


def saml_key_ensure(*, now: datetime, actor: Actor) -> None:
    published_key_ensure(SamlKey, partial(_make, now=now, actor=actor), now=now)


def saml_key_replace(*, now: datetime, actor: Actor) -> SamlKey:
    """Raises `Refused` (two_keys)."""
    make = partial(_make, now=now, actor=actor)
    return published_key_replace(SamlKey, make, now=now, read_within=READ_WITHIN, both_for=BOTH_FOR)


def _make(signs_from: datetime, *, now: datetime, actor: Actor) -> SamlKey:
    made = new_key(name=campus_host(), now=now)
    key = SamlKey(certificate=made.certificate, created_at=now, signs_from=signs_from)
    key.seal(made.private.encode())
    key.save()
    log_event(actor=actor, action="identity_providers.saml_key.made", now=now, target=key)
    return key


def saml_keys_purge(*, now: datetime) -> int:
    return published_keys_purge(SamlKey, now=now)
