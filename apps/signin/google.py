"""Google sign-in: every ID token is verified here, whichever way it arrived.

Rules: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token and OpenID
Connect Core 1.0 §3.1.3.7.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.google.provider import GoogleProvider
from allauth.socialaccount.providers.google.views import (
    ACCESS_TOKEN_URL,
    AUTHORIZE_URL,
    GoogleOAuth2Adapter,
)
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from cryptography.x509 import load_pem_x509_certificate
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from apps.common.http import AddressRefused, HttpClient, NoAnswer, Target
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.scope import entered_campus_id

CERTS_URL: Final = "https://www.googleapis.com/oauth2/v1/certs"
ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
ALGORITHM: Final = "RS256"
CLOCK_SKEW_SECONDS: Final = 10
CERTS_CACHE_KEY: Final = "accounts:google:certificates"
CERTS_SECONDS: Final = (60, 86_400)  # bounds of what Cache-Control may say
CERTS_WITHOUT_HINT: Final = 3_600
KEPT_CLAIMS: Final = ("sub", "email", "email_verified", "hd")


def google_address(name: str, usual: str) -> str:
    address: str = settings.SOCIALACCOUNT_PROVIDERS.get("google", {}).get(name, usual)
    return address


def google_origins() -> list[str]:
    """Where requests about a sign-in go: the certificates' host and the token endpoint's."""
    addresses = (
        google_address("CERTS_URL", CERTS_URL),
        google_address("ACCESS_TOKEN_URL", ACCESS_TOKEN_URL),
    )
    return [Target.of(address).origin for address in addresses]


GOOGLE: Final = HttpClient(origins=google_origins, connections=4)


def verified_claims(credential: str, *, client_id: str, nonce: str | None = None) -> dict[str, Any]:
    """The claims of a genuine, current ID token made for us; raises `OAuth2Error` otherwise.

    Checks signature (RS256, Google's certificates), `aud`, `iss`, `exp`, `iat`, the nonce where
    one was sent, and that the token was not used before.
    """
    try:
        key = _certificate_key(jwt.get_unverified_header(credential))
        claims = jwt.decode(
            credential,
            key=key,
            algorithms=[ALGORITHM],
            audience=client_id,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise OAuth2Error("Invalid ID token") from error
    if claims["iss"] not in ISSUERS:
        raise OAuth2Error("ID token of another issuer")
    if nonce is not None and not hmac.compare_digest(nonce, str(claims.get("nonce", ""))):
        raise OAuth2Error("ID token with another nonce")
    _use_once(credential, expires_at=float(claims["exp"]))
    return claims


def _certificate_key(header: Mapping[str, Any]) -> Any:
    """The public key that the token names; the algorithm is ours to choose, not the token's."""
    certificate = google_certificates().get(str(header.get("kid")))
    if header.get("alg") != ALGORITHM or not certificate:
        raise OAuth2Error("ID token signed by an unknown key")
    return load_pem_x509_certificate(certificate.encode()).public_key()


def google_certificates() -> dict[str, str]:
    """Google's current signing certificates (key id → PEM), cached as long as Google allows.

    An unknown key id does not fetch anew: Google publishes a key well before it signs with it,
    and invented ids must not turn into requests.
    """
    known: dict[str, str] | None = cache.get(CERTS_CACHE_KEY)
    if known is not None:
        return known
    try:
        answer = GOOGLE.request("GET", google_address("CERTS_URL", CERTS_URL))
    except (NoAnswer, AddressRefused) as error:
        raise OAuth2Error("Google's certificates cannot be fetched") from error
    found = answer.object()
    if answer.status != 200 or not found or not all(isinstance(v, str) for v in found.values()):
        raise OAuth2Error(f"Google answered {answer.status} without certificates")
    cache.set(CERTS_CACHE_KEY, found, _max_age(answer.headers.get("Cache-Control", "")))
    return found


def _max_age(cache_control: str) -> int:
    stated = re.search(r"\bmax-age=(\d{1,9})\b", cache_control)
    shortest, longest = CERTS_SECONDS
    return min(longest, max(shortest, int(stated[1]) if stated else CERTS_WITHOUT_HINT))


def _use_once(credential: str, *, expires_at: float) -> None:
    digest = hashlib.sha256(credential.encode()).hexdigest()
    left = max(1, int(expires_at - time.time()) + CLOCK_SKEW_SECONDS + 1)
    if not cache.add(f"accounts:google:used:{digest}", 1, left):
        raise OAuth2Error("ID token was used before")


class CampusGoogleAdapter(GoogleOAuth2Adapter):
    """The browser's flow: the ID token is verified in full although Google sent it directly."""

    expected_nonce: str | None = None

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.access_token_url = google_address("ACCESS_TOKEN_URL", ACCESS_TOKEN_URL)
        self.authorize_url = google_address("AUTHORIZE_URL", AUTHORIZE_URL)

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        """At the campus's own domain, whatever the request calls its host."""
        if entered_campus_id() is None:
            raise Http404
        return campus_url(reverse("google_callback"), host=asked_host(request))

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        credential = kwargs["response"].get("id_token")
        if not credential or self.expected_nonce is None:
            raise OAuth2Error("Google answered without an ID token")
        claims = verified_claims(credential, client_id=app.client_id, nonce=self.expected_nonce)
        return self.get_provider().sociallogin_from_response(request, claims)


class CampusGoogleProvider(GoogleProvider):
    """allauth's Google with our verification, a nonce, and no more claims kept than needed."""

    oauth2_adapter_class = CampusGoogleAdapter

    def verify_token(self, request: HttpRequest, token: Mapping[str, Any]) -> Any:
        """The phone's flow: an ID token that the app got from Google for our client id."""
        credential = token.get("id_token")
        try:
            if not isinstance(credential, str):
                raise OAuth2Error("No ID token")
            claims = verified_claims(credential, client_id=self.app.client_id)
        except OAuth2Error as error:
            raise get_adapter().validation_error("invalid_token") from error
        return self.sociallogin_from_response(request, claims)

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: Any = None,
        data: Any = None,
        **kwargs: Any,
    ) -> HttpResponse:
        nonce = secrets.token_urlsafe(24)
        params = {**(kwargs.pop("auth_params", None) or self.get_auth_params()), "nonce": nonce}
        return super().redirect(
            request, process, next_url, data, auth_params=params, nonce=nonce, **kwargs
        )

    def extract_extra_data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in KEPT_CLAIMS if name in data}


class CallbackView(OAuth2CallbackView):
    """Hands the nonce of the stashed state to the adapter, which compares it."""

    adapter: CampusGoogleAdapter

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.expected_nonce = (state or {}).get("nonce")
        return state, response


google_callback = CallbackView.adapter_view(CampusGoogleAdapter)
