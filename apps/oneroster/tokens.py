"""Secrets of readers, and the tokens that they get for them.

A token is signed under the campus's key, says whose it is and what it opens, and is good for an
hour. The reader's row is read with each request, so that revoking it, or a new secret, ends all of
its tokens at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core import signing

from apps.common.crypto import campus_key
from apps.tenants.key_tokens import KeyToken
from apps.tenants.scope import current_campus_id

LIFETIME: Final = timedelta(hours=1)
PURPOSE: Final = "oneroster-token"
LONGEST: Final = 2_000
SCOPE: Final = "https://purl.imsglobal.org/spec/or/v1p2/scope/"
CORE: Final = f"{SCOPE}roster-core.readonly"
ROSTER: Final = f"{SCOPE}roster.readonly"
GRADEBOOK: Final = f"{SCOPE}gradebook.readonly"
OFFERED: Final = (CORE, ROSTER, GRADEBOOK)


class OneRosterSecret(KeyToken):
    prefix = "oneroster_"


@dataclass(frozen=True, kw_only=True)
class ReaderToken:
    """`secret`: the beginning of the secret that it was given for."""

    client_id: str
    secret: str
    scopes: tuple[str, ...]
    ends_at: datetime


def token_text(token: ReaderToken) -> str:
    numbers = [OFFERED.index(scope) for scope in token.scopes]
    ends = int(token.ends_at.timestamp())
    return _signer().sign_object([token.client_id, token.secret, numbers, ends])


def token_of(text: str, *, now: datetime) -> ReaderToken | None:
    """None for whatever is no token of this campus, or is over."""
    if len(text) > LONGEST:
        return None
    try:
        client_id, secret, numbers, ends = _signer().unsign_object(text)
    except (signing.BadSignature, ValueError):
        return None
    ends_at = datetime.fromtimestamp(ends, tz=UTC)
    if now >= ends_at:
        return None
    scopes = tuple(OFFERED[number] for number in numbers)
    return ReaderToken(client_id=client_id, secret=secret, scopes=scopes, ends_at=ends_at)


def _signer() -> signing.Signer:
    return signing.Signer(key=campus_key(PURPOSE, current_campus_id()).hex(), salt=PURPOSE)
