"""Sessions that a campus's identity provider opened.

The campus runs the provider, so the provider can say that anybody is signed in. What it says holds
on that campus alone, and never for the account, which may be good elsewhere (docs/decisions/0072).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest

from apps.tenants.scope import entered_campus_id

# Of a signed-in session: the id of the provider that opened it.
PROVIDER_KEY: Final = "identity_provider"
# Of a session in which somebody is signing in: account → how (`BegunBy`).
BEGUN: Final = "identity_provider_begun"
PROVIDER_BACKEND: Final = "apps.signin.backends.ProviderBackend"
SIGNED_OUT: Final = "provider_signed_out"  # the name of the page that follows signing out
# Of a session: by which name its provider can be asked to sign out there too.
NAME_KEY: Final = "identity_provider_name"
NAME_SECONDS: Final = 600  # in which somebody may do that after signing out here


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """What a provider said of the person who signs in with this request.

    `multi_factor`: with more than one factor, and the campus takes its word for that. `name`: by
    which the provider can be asked to sign out there too.
    """

    provider: str
    multi_factor: bool
    name: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class BegunBy:
    """How a sign-in began: by which provider, "" for another way, and on which campus."""

    provider: str = ""
    campus_id: int | None = None
    name: Mapping[str, str] | None = None

    def keep_name(self, session: Any) -> None:
        """In the session that was opened, for signing out; of who was in it before none stays."""
        session.pop(NAME_KEY, None)
        if self.name is not None:
            session[NAME_KEY] = {**self.name, "provider": self.provider}


def vouch(request: HttpRequest, vouched: Vouched) -> None:
    request._vouched = vouched  # type: ignore[attr-defined]


def vouched_of(request: HttpRequest) -> Vouched | None:
    return getattr(request, "_vouched", None)


def note_begun(request: HttpRequest, user: Any) -> None:
    """Remember, account by account, who was vouched for; another way in forgets it."""
    begun = dict(request.session.get(BEGUN, {}))
    vouched = vouched_of(request)
    if vouched is not None:
        begun[str(user.pk)] = {
            "provider": vouched.provider,
            "campus_id": entered_campus_id(),
            "name": vouched.name,
        }
    elif begun.pop(str(user.pk), None) is None:
        return
    request.session[BEGUN] = begun


def begun_by(request: HttpRequest, user: Any) -> BegunBy:
    """The way in which this account's sign-in began."""
    found = request.session.get(BEGUN, {}).get(str(user.pk))
    return BegunBy() if found is None else BegunBy(**found)


def is_bound(session: Any) -> bool:
    return PROVIDER_KEY in session


def name_hold(session: Any) -> str:
    """Hold the name after this session has ended; returns under what, "" where there is none."""
    name = session.get(NAME_KEY)
    if not name or name.get("provider") != session.get(PROVIDER_KEY):
        return ""
    ticket = secrets.token_urlsafe(24)
    cache.set(_held(ticket), name, NAME_SECONDS)
    return ticket


def name_held(ticket: str, *, provider: str) -> dict[str, Any] | None:
    name: dict[str, Any] | None = cache.get(_held(ticket))
    return name if name and name.get("provider") == provider else None


def _held(ticket: str) -> str:
    digest = hashlib.sha256(ticket.encode()).hexdigest()
    return f"signin:provider-name:{entered_campus_id()}:{digest}"
