"""Who a phone's token says that it is, and whether that sign-in still stands.

The same questions as `apps.signin.api.authentication` and the library behind it ask, of a row that
was read with all the rest. A no is never the answer here: the ordinary way asks again.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from allauth.headless.tokens.strategies.jwt import internal
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from apps.accounts.models import User
from apps.api_keys.tokens import ApiKeyToken
from apps.signin.api.tokens import CAMPUS_CLAIM
from apps.signin.requests import SIGN_IN_LENGTH
from apps.signin.session_keys import StoredKey, stored
from apps.signin.session_store import SessionStore

SCHEME: Final = "Bearer"
TOKENS_KEPT: Final = 4096  # of one process, about 1 KB each


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """What a genuine access token names. Nothing is looked up yet."""

    user_id: int
    campus_id: int
    session_key: StoredKey
    expires_at: int  # Unix time, seconds

    @property
    def sign_in(self) -> str:
        """As `apps.signin.requests.sign_in_of` names it."""
        return str(self.session_key)[:SIGN_IN_LENGTH]


def bearer_of(header: str) -> Bearer | None:
    """The token of an `Authorization` header, verified; None for API keys and all that is odd."""
    scheme, _space, token = header.partition(" ")
    if scheme != SCHEME or " " in token or token.startswith(ApiKeyToken.prefix):
        return None
    bearer = _read(token, settings.SECRET_KEY)
    return bearer if bearer and time.time() < bearer.expires_at else None


@lru_cache(maxsize=TOKENS_KEPT)
def _read(token: str, _key: str) -> Bearer | None:
    """What a token says does not change: a phone sends the same one with its scan and its check-in.
    Verified under the key of today, which is why that is a part of the question."""
    payload = internal.decode_token(token, "access")
    if payload is None or not payload["sub"].isdecimal():
        return None
    key = internal.session_key_from_sid(payload["sid"])
    campus_id, expires_at = payload.get(CAMPUS_CLAIM), payload.get("exp")
    if not key or not isinstance(campus_id, int) or not isinstance(expires_at, int):
        return None
    return Bearer(
        user_id=int(payload["sub"]),
        campus_id=campus_id,
        session_key=stored(key),
        expires_at=expires_at,
    )


def is_signed_in(user: User, *, bearer: Bearer, session_data: str) -> bool:
    """Whether this kept session is a finished sign-in of the user with the password of today."""
    kept = SessionStore(bearer.session_key).decode(session_data)
    return (
        str(kept.get(SESSION_KEY)) == str(user.pk) == str(bearer.user_id)
        and kept.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(kept.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
        and not user.must_change_password
    )
