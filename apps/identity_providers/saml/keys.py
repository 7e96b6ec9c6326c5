"""The campus's own keys for SAML, as they are in force."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from apps.identity_providers.models import SamlKey
from apps.identity_providers.sealing import private_key
from apps.saml.keys import OwnKey


def shown_keys(*, now: datetime) -> QuerySet[SamlKey]:
    """The newest first."""
    return SamlKey.objects.filter(Q(shown_until=None) | Q(shown_until__gt=now))


def own_keys(*, now: datetime) -> list[OwnKey]:
    """That can be opened; the newest first."""
    opened = ((row, private_key(row)) for row in shown_keys(now=now))
    return [
        OwnKey(private=private, certificate=row.certificate, signs_from=row.signs_from)
        for row, private in opened
        if private
    ]


def signing_key(keys: Sequence[OwnKey], *, now: datetime) -> OwnKey | None:
    """Of ours, the newest that providers had time to read."""
    return next((one for one in keys if one.signs_from <= now), keys[-1] if keys else None)
