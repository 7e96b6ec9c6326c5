"""Which keys a person has, and whose a key is."""

from datetime import datetime

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.api_keys.models import ApiKey
from apps.api_keys.tokens import ApiKeyToken


def keys_of(*, user: User) -> QuerySet[ApiKey]:
    """All of them, those that are over as well."""
    return ApiKey.objects.filter(user=user)


def live_keys_of(*, user: User, now: datetime) -> QuerySet[ApiKey]:
    return keys_of(user=user).filter(revoked_at=None, expires_at__gt=now)


def key_found(*, text: str, now: datetime) -> ApiKey | None:
    """The live key that this text is, with its person; None for any other text."""
    token = ApiKeyToken.of(text)
    if token is None:
        return None
    live = ApiKey.objects.filter(lookup=token.lookup, revoked_at=None, expires_at__gt=now)
    key = live.select_related("user").first()
    return key if key and token.proves(key.digest) else None
