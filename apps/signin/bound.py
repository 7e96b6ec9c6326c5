"""Sessions that a campus's identity provider opened.

The campus runs the provider, so the provider can say that anybody is signed in. What it says holds
on that campus alone, and never for the account, which may be good elsewhere (docs/decisions/0072).
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest

from apps.tenants.scope import entered_campus_id

# Of a signed-in session: the id of the provider that opened it.
PROVIDER_KEY: Final = "identity_provider"
# Of a session in which somebody is signing in: account → provider that vouched, and its campus.
BEGUN: Final = "identity_provider_begun"
PROVIDER_BACKEND: Final = "apps.signin.backends.ProviderBackend"
SIGNED_OUT: Final = "provider_signed_out"  # the name of the page that follows signing out
# Of a session: by which name its provider can be asked to sign out there too.
NAME_KEY: Final = "identity_provider_name"
NAME_SECONDS: Final = 600  # in which somebody may do that after signing out here


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """What a provider said of the person who signs in with this request.

    `multi_factor`: with more than one factor, and the campus takes its word for that.
    """

    provider: str
    multi_factor: bool


def vouch(request: HttpRequest, vouched: Vouched) -> None:
    request._vouched = vouched  # type: ignore[attr-defined]


def vouched_of(request: HttpRequest) -> Vouched | None:
    return getattr(request, "_vouched", None)


def note_begun(request: HttpRequest, user: Any) -> None:
    """Remember, account by account, who was vouched for; another way in forgets it."""
    begun = dict(request.session.get(BEGUN, {}))
    vouched = vouched_of(request)
    if vouched is not None:
        begun[str(user.pk)] = [vouched.provider, entered_campus_id()]
    elif begun.pop(str(user.pk), None) is None:
        return
    request.session[BEGUN] = begun


def begun_by(request: HttpRequest, user: Any) -> tuple[str, int | None]:
    """The provider by which this account's sign-in began, and on which campus; "" where it was
    another way."""
    provider, campus_id = request.session.get(BEGUN, {}).get(str(user.pk), ("", None))
    return str(provider), campus_id


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
