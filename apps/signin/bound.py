"""Sessions that a campus's identity provider opened.

The campus runs the provider, so the provider can say that anybody is signed in. What it says holds
on that campus alone, and never for the account, which may be good elsewhere (docs/decisions/0072).
"""

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from apps.tenants.scope import entered_campus_id

# Of a signed-in session: the id of the provider that opened it.
PROVIDER_KEY: Final = "identity_provider"
# Of a session in which somebody is signing in: account → provider that vouched, and its campus.
BEGUN: Final = "identity_provider_begun"
PROVIDER_BACKEND: Final = "apps.signin.backends.ProviderBackend"
SIGNED_OUT: Final = "provider_signed_out"  # the name of the page that follows signing out


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
