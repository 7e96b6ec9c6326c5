"""Single logout: asking a provider to sign out, and being asked by one."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.core.cache import cache

from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.saml.keys import own_keys, signing_key
from apps.identity_providers.saml.sign_in import entity_ready
from apps.saml.keys import OwnKey
from apps.saml.logout import SessionName, SignOut, logout_request, logout_response, sign_out_of
from apps.saml.messages import AnswerRefused, redirect_to
from apps.tenants.scope import current_campus_id

REMEMBERED_SECONDS: Final = 900  # longer than a request is good


def offers_sign_out(provider: IdentityProvider, *, now: datetime) -> bool:
    try:
        return bool(entity_ready(provider, now=now).sign_out)
    except SignInProblem:
        return False


def sign_out_there(provider: IdentityProvider, name: Mapping[str, str], *, now: datetime) -> str:
    """The address at which the provider signs this session out. Raises `SignInProblem`."""
    entity = entity_ready(provider, now=now)
    if not entity.sign_out:
        raise SignInProblem(SignInRefusal.NOT_READY, "it offers no signing out")
    session = SessionName(**{key: value for key, value in name.items() if key != "provider"})
    message = logout_request(own=provider.client_id, address=entity.sign_out, name=session, now=now)
    return redirect_to(entity.sign_out, "SAMLRequest", message, _key(now))


def sign_out_asked(
    provider: IdentityProvider, query: str, *, address: str, now: datetime
) -> SignOut:
    """What this provider asks for, once. Raises `SignInProblem`."""
    entity = entity_ready(provider, now=now)
    try:
        found = sign_out_of(query, certificates=entity.certificates, address=address, now=now)
    except AnswerRefused as error:
        raise SignInProblem(SignInRefusal.UNTRUSTED, str(error)) from error
    digest = hashlib.sha256(found.request_id.encode()).hexdigest()
    key = f"identity_providers:sign-out:{current_campus_id()}:{provider.pk}:{digest}"
    if not cache.add(key, 1, REMEMBERED_SECONDS):
        raise SignInProblem(SignInRefusal.STALE, "a request that was used")
    return found


def sign_out_answer(provider: IdentityProvider, asked: SignOut, *, now: datetime) -> str:
    """Where the provider wants to be told that it is done; "" where it named no address."""
    entity = entity_ready(provider, now=now)
    if not entity.sign_out_answer:
        return ""
    message = logout_response(
        own=provider.client_id, address=entity.sign_out_answer, answers=asked.request_id, now=now
    )
    return redirect_to(
        entity.sign_out_answer, "SAMLResponse", message, _key(now), state=asked.state
    )


def _key(now: datetime) -> OwnKey:
    key = signing_key(own_keys(now=now), now=now)
    if key is None:
        raise SignInProblem(SignInRefusal.NOT_READY, "no key of our own")
    return key
