"""Requests to platforms: their public keys, access tokens, lists in pages."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache
from requests.utils import parse_header_links

from apps.common.answers import AddressRefused, HttpAnswer, Limits, NoAnswer
from apps.common.crypto import SealBroken
from apps.common.http import HttpClient, Target
from apps.common.id_tokens import Jwk, kept_keys
from apps.lti.models import LtiPlatform
from apps.lti.selectors import signing_key
from apps.lti.tokens import client_assertion
from apps.tenants.waiting import waiting

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AWAY_SECONDS: Final = 5  # in which a keyset that could not be read is not asked for again
MOST_PAGES: Final = 40
LONGEST_LINK: Final = 1 << 16  # characters of the header that names the next page
LIMITS: Final = Limits(whole=8.0)
_client: Final = HttpClient(limits=LIMITS)


class PlatformProblem(Exception):
    """A platform did not do what it was asked. `status` None: there was no answer.

    `is_general`: others of the same platform would fail in the same way.
    """

    def __init__(self, *, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status

    @property
    def is_general(self) -> bool:
        return self.status is None or self.status in (401, 403, 408, 429) or self.status >= 500


def address_problem(url: str) -> str:
    """Why nothing is sent there; "" where it may be."""
    try:
        _client.target(url)
    except AddressRefused as refused:
        return str(refused)
    return ""


def keys_of(platform: LtiPlatform, *, anew: bool) -> list[Jwk]:
    """The public keys that the platform signs with; `anew`: a token names none of those.

    Raises `PlatformProblem` where they cannot be read.
    """
    name = f"lti:{platform.campus_id}:keyset:{platform.pk}:{platform.jwks_url}"
    return kept_keys(name, lambda: _keyset(platform, f"{name}:away"), anew=anew)


def _keyset(platform: LtiPlatform, away: str) -> dict[str, Any]:
    if cache.get(away):
        raise PlatformProblem(text="The keyset could not be read a moment ago.")
    try:
        return ask("GET", platform.jwks_url, headers={"Accept": "application/json"}).object()
    except PlatformProblem:
        cache.set(away, "1", AWAY_SECONDS)
        raise


def token_of(platform: LtiPlatform, *, scopes: tuple[str, ...], now: datetime) -> str:
    """An access token for these scopes. Raises `PlatformProblem`."""
    try:
        signing = signing_key(now=now)
    except SealBroken as broken:
        raise PlatformProblem(text="Our key cannot be opened. Replace it.") from broken
    if signing is None:
        raise PlatformProblem(text="The campus has no key that signs yet.")
    key, private = signing
    assertion = client_assertion(
        private=private,
        key_id=key.pk,
        client_id=platform.client_id,
        audience=platform.token_audience or platform.token_url,
        now=now,
    )
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "scope": " ".join(scopes),
    }
    try:
        with waiting(LIMITS.whole):
            answer = _client.post_form(platform.token_url, form)
    except (NoAnswer, AddressRefused) as error:
        raise PlatformProblem(text=str(error)) from error
    token = answer.object().get("access_token")
    if answer.status != 200 or not isinstance(token, str) or not _is_header(token):
        text = f"No access token: {answer.status} {answer.text()}"
        raise PlatformProblem(text=text)  # whatever the status, it concerns all
    return token


def _is_header(token: str) -> bool:
    return bool(token) and len(token) < 1 << 14 and token.isascii() and token.isprintable()


def ask(
    method: str,
    url: str,
    *,
    token: str = "",
    content: Any = None,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """One request with a JSON body; raises `PlatformProblem` for everything but 2xx."""
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if content_type:
        sent["Content-Type"] = content_type
    body = None if content is None else json.dumps(content).encode()
    try:
        with waiting(LIMITS.whole):
            answer = _client.request(method, url, body=body, headers=sent)
    except (NoAnswer, AddressRefused) as error:
        raise PlatformProblem(text=str(error)) from error
    if not 200 <= answer.status < 300:
        text = f"{answer.status} {answer.text()}".strip()
        raise PlatformProblem(text=text, status=answer.status)
    return answer


def _is_next(link: Mapping[str, str]) -> bool:
    kinds = (value.lower().split() for name, value in link.items() if name.lower() == "rel")
    return any("next" in kind for kind in kinds)


def next_page(answer: HttpAnswer, *, of: str) -> str:
    """The address of the next page (RFC 8288), "" at the end or where it lies elsewhere."""
    links = parse_header_links(str(answer.headers.get("Link", ""))[:LONGEST_LINK])
    found = next((one["url"] for one in links if _is_next(one)), "")
    try:
        return found if found and Target.of(found).lies_in(Target.of(of).origin) else ""
    except AddressRefused:
        return ""
