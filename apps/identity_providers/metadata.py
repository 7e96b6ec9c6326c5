"""What a provider publishes about itself: its addresses and the keys that it signs with.

OpenID Connect Discovery 1.0. Read over the one client for outgoing requests, kept for an hour.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.core.cache import cache

from apps.common.answers import AddressRefused, HttpAnswer, Limits, NoAnswer
from apps.common.http import HttpClient, Target
from apps.common.id_tokens import Jwk, kept_keys
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.tenants.scope import current_campus_id
from apps.tenants.waiting import WaitedEnough, waiting

WELL_KNOWN: Final = "/.well-known/openid-configuration"
BASIC: Final = "client_secret_basic"  # what holds where none is named
KEPT_SECONDS: Final = 3600
AWAY_SECONDS: Final = 30  # not asked again: others need not wait for a server that hangs
# A sign-in asks three times at most, in one request of a browser.
LIMITS: Final = Limits(connect=2.0, whole=4.0, body=1 << 18)
CLIENT: Final = HttpClient(limits=LIMITS, connections=4)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What of the document is used. `names_itself`: its answers carry `iss` (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    names_itself: bool = False
    in_body: bool = False


def metadata_of(provider: IdentityProvider) -> Metadata:
    """Raises `SignInProblem` (provider_away, answer_untrusted)."""
    known: dict[str, Any] | None = cache.get(_key("metadata", provider))
    if known is not None:
        return Metadata(**known)
    document = _document(provider, provider.issuer.rstrip("/") + WELL_KNOWN)
    found = _metadata_in(provider, document)
    cache.set(_key("metadata", provider), asdict(found), KEPT_SECONDS)
    return found


def known_metadata(provider: IdentityProvider) -> Metadata | None:
    """Where it can be had; for pages that go on without."""
    try:
        return metadata_of(provider)
    except SignInProblem:
        return None


def _metadata_in(provider: IdentityProvider, document: Mapping[str, Any]) -> Metadata:
    if document.get("issuer") != provider.issuer:
        raise SignInProblem(SignInRefusal.UNTRUSTED, "the document names another issuer")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        userinfo_endpoint=_address(document, "userinfo_endpoint", needed=False),
        end_session_endpoint=_address(document, "end_session_endpoint", needed=False),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        in_body=isinstance(methods, list) and bool(methods) and BASIC not in methods,
    )


def _address(document: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    """Of https, as everything that we or the browser are sent to."""
    address = document.get(name)
    if isinstance(address, str) and CLIENT.allows(address):
        return address
    if needed:
        raise SignInProblem(SignInRefusal.UNTRUSTED, f"no usable {name}")
    return ""


def keys_of(provider: IdentityProvider, *, anew: bool = False) -> list[Jwk]:
    """The public keys that the provider signs with; `anew`: a token names none of those."""
    return kept_keys(
        _key("keys", provider),
        lambda: _document(provider, metadata_of(provider).jwks_uri),
        anew=anew,
    )


def _document(provider: IdentityProvider, url: str) -> dict[str, Any]:
    answer = ask(provider, "GET", url)
    found = answer.object()
    if answer.status != 200 or not found:
        raise SignInProblem(SignInRefusal.AWAY, f"{answer.status} for {url}")
    return found


def ask(
    provider: IdentityProvider,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """One request to the provider; raises `SignInProblem` (provider_away).

    A host that did not answer is left alone for half a minute.
    """
    try:
        away = f"identity_providers:away:{current_campus_id()}:{Target.of(url).place}"
        if cache.get(away):
            raise SignInProblem(SignInRefusal.AWAY, "it did not answer a moment ago")
        wanted = {"Accept": "application/json", **(headers or {})}
        with waiting(LIMITS.whole):
            return CLIENT.request(method, url, body=body, headers=wanted)
    except AddressRefused as error:
        raise SignInProblem(SignInRefusal.AWAY, str(error)) from error
    except WaitedEnough as error:
        raise SignInProblem(SignInRefusal.AWAY, str(error)) from error
    except NoAnswer as error:
        cache.set(away, 1, AWAY_SECONDS)
        raise SignInProblem(SignInRefusal.AWAY, str(error)) from error


def _key(what: str, provider: IdentityProvider) -> str:
    """Of this campus, this provider and this issuer: nobody else's keys are ever believed."""
    issuer = hashlib.sha256(provider.issuer.encode()).hexdigest()[:32]
    return f"identity_providers:{what}:{current_campus_id()}:{provider.pk}:{issuer}"
