"""The campus's own keys for SAML, as they are in force."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from apps.common.crypto import SealBroken
from apps.identity_providers.models import SamlKey
from apps.saml.keys import OwnKey


def own_keys(*, now: datetime) -> list[OwnKey]:
    """That can be opened; the newest first."""
    found = []
    for row in SamlKey.shown(now=now):
        with suppress(SealBroken):
            private = row.opened().decode()
            found.append(
                OwnKey(private=private, certificate=row.certificate, signs_from=row.signs_from)
            )
    return found


def signing_key(keys: Sequence[OwnKey], *, now: datetime) -> OwnKey | None:
    """Of ours, the newest that providers had time to read."""
    return next((one for one in keys if one.signs_from <= now), keys[-1] if keys else None)
