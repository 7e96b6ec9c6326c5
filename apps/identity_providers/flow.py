"""The authorization code flow, with PKCE: RFC 6749, RFC 7636, RFC 9207, OpenID Connect Core 1.0."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from apps.common.id_tokens import IdTokenRefused, verified_claims
from apps.identity_providers.begun import Begun, note
from apps.identity_providers.metadata import Metadata, ask, keys_of, metadata_of
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.sealing import client_secret

LONGEST_PARAMETER: Final = 4096
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def begin(
    provider: IdentityProvider, session: Any, *, redirect_uri: str, leads_to: str, now: datetime
) -> str:
    """Note a sign-in and return the address at the provider. Raises `SignInProblem`."""
    metadata = metadata_of(provider)
    state = secrets.token_urlsafe(32)
    begun = Begun(
        provider=str(provider.pk),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        leads_to=leads_to,
        at=now.timestamp(),
    )
    note(session, state, begun)
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": _scopes(provider),
        "state": state,
        "nonce": begun.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if provider.accepts_multi_factor and provider.multi_factor_acr.strip():
        asked["acr_values"] = provider.multi_factor_acr
    address = metadata.authorization_endpoint
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def _scopes(provider: IdentityProvider) -> str:
    return " ".join(dict.fromkeys(["openid", *provider.scopes.split()]))


def finish(
    provider: IdentityProvider,
    answer: Mapping[str, str],
    begun: Begun,
    *,
    redirect_uri: str,
    now: datetime,
) -> dict[str, Any]:
    """The claims about who came back from the provider. Raises `SignInProblem`."""
    metadata = metadata_of(provider)
    _check_sender(provider, metadata, answer)
    if error := answer.get("error"):
        cancelled = error == "access_denied"
        raise SignInProblem(
            SignInRefusal.CANCELLED if cancelled else SignInRefusal.REFUSED, "error"
        )
    code = answer.get("code", "")
    if not 0 < len(code) <= LONGEST_PARAMETER:
        raise SignInProblem(SignInRefusal.REFUSED, "no code")
    tokens = _tokens(provider, metadata, code=code, begun=begun, redirect_uri=redirect_uri)
    token = tokens.get("id_token")
    if not isinstance(token, str):
        raise SignInProblem(SignInRefusal.UNTRUSTED, "no ID token")
    try:
        claims = verified_claims(
            token,
            keys=lambda anew: keys_of(provider, anew=anew),
            issuer=provider.issuer,
            client_id=provider.client_id,
            nonce=begun.nonce,
            now=now,
        )
    except IdTokenRefused as refused:
        raise SignInProblem(SignInRefusal.UNTRUSTED, str(refused)) from refused
    return _with_userinfo(provider, metadata, claims, tokens.get("access_token"))


def _check_sender(
    provider: IdentityProvider, metadata: Metadata, answer: Mapping[str, str]
) -> None:
    """An answer of another provider is refused (RFC 9207): named, or not named where it must be."""
    sender = answer.get("iss")
    if sender is None and not metadata.names_itself:
        return
    if not hmac.compare_digest((sender or "").encode(), provider.issuer.encode()):
        raise SignInProblem(SignInRefusal.UNTRUSTED, "an answer of another issuer")


def _tokens(
    provider: IdentityProvider, metadata: Metadata, *, code: str, begun: Begun, redirect_uri: str
) -> dict[str, Any]:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": begun.verifier,
    }
    headers, secret = dict(FORM), client_secret(provider)
    if secret and not metadata.in_body:  # RFC 6749 §2.3.1
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        fields["client_id"] = provider.client_id
        if secret:
            fields["client_secret"] = secret
    body = urlencode(fields).encode()
    answer = ask(provider, "POST", metadata.token_endpoint, body=body, headers=headers)
    if answer.status >= 500:
        raise SignInProblem(SignInRefusal.AWAY, f"token endpoint: {answer.status}")
    if answer.status != 200:
        raise SignInProblem(SignInRefusal.REFUSED, f"token endpoint: {answer.status}")
    return answer.object()


def _with_userinfo(
    provider: IdentityProvider, metadata: Metadata, claims: dict[str, Any], access_token: Any
) -> dict[str, Any]:
    """With what only the UserInfo endpoint says, where the ID token lacks a claim that is needed.

    Nothing that the token says is replaced.
    """
    needed = [name for name in (provider.number_claim, provider.email_claim) if name]
    lacking = [name for name in needed if name.partition(".")[0] not in claims]
    if not lacking or not metadata.userinfo_endpoint or not isinstance(access_token, str):
        return claims
    if not access_token.isascii() or not access_token.isprintable():
        return claims
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = ask(provider, "GET", metadata.userinfo_endpoint, headers=headers)
    more = answer.object() if answer.status == 200 else {}
    if more.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0 §5.3.2
        return claims
    return {**more, **claims}
