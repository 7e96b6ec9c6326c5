"""Sign-ins that were begun in a browser: each is kept in its session, and used once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache

from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal

SESSION_KEY: Final = "identity_provider_sign_ins"
GOOD_FOR_SECONDS: Final = 600
MOST_AT_ONCE: Final = 5  # of one browser: tabs


@dataclass(frozen=True, kw_only=True)
class Begun:
    """`nonce` and `verifier` are OpenID Connect's."""

    provider: str
    leads_to: str
    at: float
    nonce: str = ""
    verifier: str = ""


def note(session: Any, state: str, begun: Begun) -> None:
    others = list(session.get(SESSION_KEY, {}).items())[-(MOST_AT_ONCE - 1) :]
    session[SESSION_KEY] = {**dict(others), state: vars(begun)}


def take(provider: IdentityProvider, session: Any, state: str, *, now: datetime) -> Begun:
    """The sign-in of this state, which is worth nothing from now on.

    Raises `SignInProblem` (sign_in_stale): unknown in this browser, begun at another provider, too
    old, or used. Two answers at once: the cache decides.
    """
    begun = dict(session.get(SESSION_KEY, {}))
    kept = begun.pop(state, None)
    session[SESSION_KEY] = begun
    if kept is None:
        raise SignInProblem(SignInRefusal.STALE, "unknown state")
    found = Begun(**kept)
    if found.provider != str(provider.pk):
        raise SignInProblem(SignInRefusal.STALE, "the state of another provider")
    if not 0 <= now.timestamp() - found.at <= GOOD_FOR_SECONDS:
        raise SignInProblem(SignInRefusal.STALE, "too old")
    digest = hashlib.sha256(state.encode()).hexdigest()
    if not cache.add(f"identity_providers:state:{digest}", 1, GOOD_FOR_SECONDS):
        raise SignInProblem(SignInRefusal.STALE, "used already")
    return found
