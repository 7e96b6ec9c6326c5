"""Signing in by SAML: what is noted in the browser, and the answer that a provider posts.

The answer is posted by the provider's page, so the browser sends no cookie with it: what was
believed is held for a minute under a name that the browser is led on with, and counts there only
if this browser asked for it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache

from apps.identity_providers.begun import Begun, note, take
from apps.identity_providers.claims import saml_scopes
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.saml.keys import own_keys, signing_key
from apps.saml.attributes import claims_of
from apps.saml.documents import Element
from apps.saml.entities import Entity
from apps.saml.logout import SessionName
from apps.saml.messages import (
    LEEWAY,
    Believed,
    Ends,
    authn_request,
    believed,
    new_id,
    redirect_to,
)
from apps.tenants.scope import current_campus_id

HELD_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class HeldAnswer:
    """What was believed of an answer, until the browser comes for it."""

    provider: str
    claims: Mapping[str, Any]
    answers: str
    session: Mapping[str, str] | None


def entity_ready(provider: IdentityProvider, *, now: datetime) -> Entity:
    """Raises `SignInProblem` (provider_not_ready): never read, or no longer good."""
    entity = Entity.kept(provider.entity)
    if entity is None or not entity.holds(now):
        raise SignInProblem(SignInRefusal.NOT_READY, "no metadata that holds")
    return entity


def ends_of(provider: IdentityProvider, *, receives: str, now: datetime) -> Ends:
    return Ends(
        issuer=provider.issuer,
        audience=provider.client_id,
        receives=receives,
        entity=entity_ready(provider, now=now),
        keys=own_keys(now=now),
    )


def begin(
    provider: IdentityProvider, session: Any, *, receives: str, leads_to: str, now: datetime
) -> str:
    """Note a sign-in and return the address at the provider. Raises `SignInProblem`."""
    ends = ends_of(provider, receives=receives, now=now)
    key = signing_key(ends.keys, now=now)
    if key is None:
        raise SignInProblem(SignInRefusal.NOT_READY, "no key of our own")
    request_id = new_id()
    begun = Begun(provider=str(provider.pk), leads_to=leads_to, at=now.timestamp())
    note(session, request_id, begun)
    message = authn_request(ends, request_id=request_id, now=now)
    return redirect_to(ends.entity.sign_in, "SAMLRequest", message, key)


def receive(provider: IdentityProvider, raw: bytes, *, receives: str, now: datetime) -> str:
    """Believe an answer and hold what it says; returns the name under which. Raises
    `AnswerRefused`, and `SignInProblem` for one that is right and yet not taken."""
    found = believed(raw, ends_of(provider, receives=receives, now=now), now=now)
    if not found.answers and not provider.allows_unsolicited:
        raise SignInProblem(SignInRefusal.STALE, "an answer that nobody asked for")
    _use_once(provider, found, now)
    claims = assertion_claims(provider, found.assertion)
    if not claims.get("sub"):
        raise SignInProblem(SignInRefusal.NO_ID, "no lasting id")
    name = secrets.token_urlsafe(32)
    kept = HeldAnswer(
        provider=str(provider.pk),
        claims=claims,
        answers=found.answers,
        session=_session_name(provider, found.assertion, now),
    )
    cache.set(_held_key(name), vars(kept), HELD_SECONDS)
    return name


def _session_name(
    provider: IdentityProvider, assertion: Element, now: datetime
) -> dict[str, str] | None:
    """Where the provider offers to sign out, by which name it does."""
    name = SessionName.of(assertion)
    offers = entity_ready(provider, now=now).sign_out
    return asdict(name) if name and offers else None


def assertion_claims(provider: IdentityProvider, assertion: Element) -> dict[str, Any]:
    return claims_of(assertion, scopes=scopes_of(provider), subject_claim=provider.subject_claim)


def scopes_of(provider: IdentityProvider) -> list[str]:
    """For which the provider speaks: by its metadata, else as the campus has entered them."""
    return saml_scopes(provider) or list(provider.email_domains)


def held(name: str) -> HeldAnswer:
    """What is held under this name, once. Raises `SignInProblem` (sign_in_stale)."""
    kept = cache.get(_held_key(name))
    if kept is None or not cache.delete(_held_key(name)):
        raise SignInProblem(SignInRefusal.STALE, "nothing is held under this name")
    return HeldAnswer(**kept)


def leads_to(provider: IdentityProvider, found: HeldAnswer, session: Any, *, now: datetime) -> str:
    """Where somebody wanted to go who asked for this answer in this very browser.

    Raises `SignInProblem` (sign_in_stale).
    """
    if not found.answers and provider.allows_unsolicited:
        return ""
    return take(provider, session, found.answers, now=now).leads_to


def _use_once(provider: IdentityProvider, found: Believed, now: datetime) -> None:
    digest = hashlib.sha256(found.assertion_id.encode()).hexdigest()
    left = found.until - now + LEEWAY + timedelta(seconds=1)
    key = f"identity_providers:assertion:{current_campus_id()}:{provider.pk}:{digest}"
    if not cache.add(key, 1, max(1, int(left.total_seconds()))):
        raise SignInProblem(SignInRefusal.STALE, "an assertion that was used")


def _held_key(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"identity_providers:held:{current_campus_id()}:{digest}"
