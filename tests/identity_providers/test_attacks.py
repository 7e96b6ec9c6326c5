"""What an identity provider, or somebody between it and the browser, may try."""

import base64
import hashlib
import hmac
import json
import logging
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from pytest_django import Settings

from apps.common.answers import Limits
from apps.identity_providers import metadata
from apps.identity_providers.models import IdentityProvider
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.identity_providers.provider_server import (
    CLIENT_ID,
    SECRET,
    Provider,
    asked_in,
    public_jwk,
)
from tests.identity_providers.support import (
    address,
    browser,
    come_back,
    led_to,
    sign_in,
    user_of,
    words,
)
from tests.rsa_keys import rsa_key

pytestmark = pytest.mark.django_db
UNTRUSTED = "could not be believed"
STALE = "taken too long, or was used already"


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    head = b64(json.dumps({"typ": "JWT", **header}).encode())
    return f"{head}.{b64(json.dumps(claims).encode())}."


def hour(**changes: int) -> int:
    return int(time.time()) + sum(changes.values())


def wrong_claims() -> list[dict[str, Any]]:
    """Made when they are used: what lies ahead must still do so."""
    return [
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"azp": "another-client"},
        {"aud": None},
        {"iss": "https://login.evil.example"},
        {"iss": None},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"exp": hour(past=-120)},
        {"exp": None},
        {"iat": hour(ahead=600)},
        {"nbf": hour(ahead=600)},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"sub": "a\ud800b"},
    ]


def test_wrong_claims_are_refused(cast: Cast, server: Provider, provider: IdentityProvider) -> None:
    client = browser(cast.host)
    for claims in wrong_claims():
        answer = sign_in(client, server, provider, employeeNumber="STUD", **claims)
        assert (answer.status_code, UNTRUSTED in words(answer)) == (403, True), claims
        assert user_of(client) is None, claims
    assert "Try again" in words(answer)


def test_clocks_may_differ_by_a_minute(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    for claims in (
        {"exp": hour(past=-30)},
        {"iat": hour(ahead=30)},
        {"aud": [CLIENT_ID, "another-client"], "azp": CLIENT_ID},
    ):
        answer = sign_in(browser(cast.host), server, provider, employeeNumber="STUD", **claims)
        assert answer.status_code == 302, claims


def forged(server: Provider, asked: dict[str, str], kind: str) -> str:
    claims = server.claims(asked, employeeNumber="STUD")
    genuine = server.sign(claims)
    assert isinstance(server.key, rsa.RSAPrivateKey)
    if kind in ("none", "None", ""):
        return unsigned(claims, alg=kind, kid=server.kid)
    if kind == "HS256":  # with the public key as the secret
        secret = server.key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        body = unsigned(claims, alg="HS256", kid=server.kid)[:-1]
        return f"{body}.{b64(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"
    if kind == "stranger":
        other = rsa_key("attacker")
        return Provider.sign(_with_key(server, other), claims)
    if kind == "own key in the header":
        other = rsa_key("attacker")
        jwk = public_jwk(other, "mine")
        return Provider.sign(_with_key(server, other), claims, jwk=jwk, kid=None)
    if kind == "changed":
        head, _body, mac = genuine.split(".")
        changed = {**claims, "employeeNumber": "MATE"}
        return f"{head}.{b64(json.dumps(changed).encode())}.{mac}"
    return {"cut": genuine[:-4], "empty": "", "words": "a.b.c", "large": genuine + "A" * 70_000}[
        kind
    ]


def _with_key(server: Provider, key: Any) -> Any:
    class Stranger:
        algorithm, kid = server.algorithm, server.kid

    stranger: Any = Stranger()
    stranger.key = key
    return stranger


FORGED = [
    *("none", "None", "", "HS256", "stranger", "own key in the header", "changed"),
    *("cut", "empty", "words", "large"),
]


def test_forged_tokens_are_refused(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for kind in FORGED:
        location = led_to(client, provider)
        token = forged(server, asked_in(location), kind)
        answer = come_back(client, provider, server.answer_to(location, token=token))
        assert (answer.status_code, UNTRUSTED in words(answer)) == (403, True), kind
        assert user_of(client) is None, kind


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_other_keys_and_algorithms_are_refused(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    for kind in ("RS512", "ES384", "weak RSA", "encryption", "two"):
        server.reset()
        cache.clear()
        if kind == "RS512":
            server.algorithm = "RS512"
        elif kind == "ES384":
            server.key = ec.generate_private_key(ec.SECP384R1())
            server.algorithm = "ES384"
        elif kind == "weak RSA":
            server.key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        elif kind == "encryption":
            server.published = [public_jwk(server.key, server.kid, use="enc")]
        else:
            server.published = [public_jwk(server.key, server.kid) for _twice in range(2)]
        answer = sign_in(browser(cast.host), server, provider, employeeNumber="STUD")
        assert (answer.status_code, UNTRUSTED in words(answer)) == (403, True), kind


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_keys_of_three_kinds_and_their_change(
    cast: Cast, server: Provider, provider: IdentityProvider, algorithm: str
) -> None:
    """A new key is found by asking again, once a minute at most; the old one is gone."""
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 302
    server.key = (
        ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa_key("attacker")
    )
    server.algorithm, server.kid = algorithm, "key-2"
    enter = {"employeeNumber": "STUD"}
    # The keys were read a moment ago: not again within the minute.
    assert sign_in(browser(cast.host), server, provider, **enter).status_code == 403
    assert server.heard.count("/keys") == 1
    with campus_scope(cast.campus):
        cache.delete(metadata._key("keys", provider) + ":asked")  # a minute later
    assert sign_in(browser(cast.host), server, provider, **enter).status_code == 302
    server.kid = "invented"
    for _often in range(3):
        server.published = [public_jwk(server.key, "key-2")]
        assert sign_in(browser(cast.host), server, provider, **enter).status_code == 403
    assert server.heard.count("/keys") == 2
    assert server.heard.count("/realm/.well-known/openid-configuration") == 1


def test_an_answer_counts_once_and_in_its_own_browser(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client, thief = browser(cast.host), browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="NOBODY")
    stolen = come_back(thief, provider, query)
    assert (stolen.status_code, STALE in words(stolen)) == (403, True)
    assert "does not know you" in words(come_back(client, provider, query))
    before = len(server.token_requests)
    again = come_back(client, provider, query)
    assert (again.status_code, STALE in words(again)) == (403, True)
    assert len(server.token_requests) == before


def test_two_answers_at_once_are_one(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """Both requests read the session before either wrote it."""
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="NOBODY")
    kept = dict(client.session.items())
    assert "does not know you" in words(come_back(client, provider, query))
    session = client.session
    session.update(kept)
    session.save()
    assert STALE in words(come_back(client, provider, query))


def test_answers_to_nothing_are_pages(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for answer in ("", "state=x", "code=1", "state=%ff&code=%ff", "state[]=1"):
        found = come_back(client, provider, answer)
        assert (found.status_code, STALE in words(found)) == (403, True), answer


def test_a_sign_in_is_good_for_ten_minutes(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="STUD")
    session = client.session
    for begun in session["identity_provider_sign_ins"].values():
        begun["at"] -= 601
    session.save()
    assert STALE in words(come_back(client, provider, query))


def test_an_answer_of_another_provider_is_refused(
    cast: Cast,
    server: Provider,
    provider: IdentityProvider,
    other_server: Provider,
    other_provider: IdentityProvider,
) -> None:
    """The mix-up attack: RFC 9207, and an address to come back to for each provider."""
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="STUD")
    assert STALE in words(come_back(client, other_provider, query))
    # It says itself that it is another one, or does not say what it must.
    for sender in ({"iss": other_server.issuer}, {"iss": ""}, {}):
        asked = asked_in(led_to(client, provider))
        code = server.code_for(asked, server.sign(server.claims(asked, employeeNumber="STUD")))
        back = urlencode({"code": code, "state": asked["state"], **sender})
        assert UNTRUSTED in words(come_back(client, provider, back))
    assert server.token_requests == []
    # A token that the other one signed, handed out by this one.
    location = led_to(client, provider)
    token = other_server.sign(other_server.claims(asked_in(location), employeeNumber="STUD"))
    assert UNTRUSTED in words(come_back(client, provider, server.answer_to(location, token=token)))
    asked = asked_in(location)
    assert asked["redirect_uri"].endswith(address(provider, "callback/"))
    assert asked["redirect_uri"].partition("://")[2].startswith("north.example/")


def test_codes_are_worth_nothing_without_their_verifier(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """A code of somebody else's sign-in, put into one's own: the provider refuses it."""
    client = browser(cast.host)
    victim = server.answer_to(led_to(browser(cast.host), provider), employeeNumber="STUD")
    asked = asked_in(led_to(client, provider))
    code = victim.partition("&")[0]
    back = f"{code}&{urlencode({'state': asked['state'], 'iss': server.issuer})}"
    assert "did not sign you in" in words(come_back(client, provider, back))


@pytest.mark.parametrize(
    ("error", "text"),
    [("access_denied", "You did not sign in at"), ("server_error", "did not sign you in")],
)
def test_cancelling_is_a_page_with_a_next_step(
    cast: Cast, server: Provider, provider: IdentityProvider, error: str, text: str
) -> None:
    client = browser(cast.host)
    state = asked_in(led_to(client, provider))["state"]
    query = {"error": error, "error_description": "<b>call 555</b>", "state": state}
    page = come_back(client, provider, urlencode({**query, "iss": server.issuer}))
    assert page.status_code == 403
    assert text in words(page)
    assert "call 555" not in words(page)
    assert "Other ways to sign in" in words(page)


def test_a_document_that_says_something_else_is_refused(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    documents: list[dict[str, Any]] = [
        {"issuer": "https://login.evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://login.evil.example/"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ]
    for server.document in documents:
        answer = browser(cast.host).get(address(provider))
        assert (answer.status_code, UNTRUSTED in words(answer)) == (403, True), server.document


def test_a_provider_in_our_own_network_is_not_asked(
    cast: Cast, server: Provider, provider: IdentityProvider, settings: Settings
) -> None:
    """As in production: the operator has named no private address."""
    settings.OUTGOING_PRIVATE_ADDRESSES = []
    answer = browser(cast.host).get(address(provider))
    assert answer.status_code == 424
    assert "does not answer" in words(answer)
    # An address of its document is not asked either.
    settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
    server.document = {"jwks_uri": "http://127.0.0.1:1/keys"}
    answer = browser(cast.host).get(address(provider))
    assert (answer.status_code, UNTRUSTED in words(answer)) == (403, True)
    assert "/keys" not in server.heard


def test_a_provider_that_hangs_keeps_one_visitor_waiting(
    cast: Cast,
    server: Provider,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metadata.CLIENT, "_limits", Limits(connect=0.3, whole=0.5))
    server.hangs = True
    for _visitor in range(3):
        answer = browser(cast.host).get(address(provider))
        assert (answer.status_code, "does not answer" in words(answer)) == (424, True)
        assert "Other ways to sign in" in words(answer)
    server.hangs = False
    assert len(server.heard) == 1
    assert browser(cast.host).get("/accounts/login/").status_code == 200


def test_a_provider_that_fails_later_is_a_page_too(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="STUD")
    server.published = [{"kty": "oct", "k": "c2VjcmV0", "kid": server.kid}] * 2
    assert UNTRUSTED in words(come_back(client, provider, query))
    server.reset()
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="STUD")
    server.tokens = lambda *_: (503, {})  # type: ignore[method-assign]
    try:
        answer = come_back(client, provider, query)
    finally:
        del server.tokens
    assert answer.status_code == 424


def test_no_token_code_or_secret_is_in_a_log(
    cast: Cast,
    server: Provider,
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = browser(cast.host)
    query = server.answer_to(led_to(client, provider), employeeNumber="STUD")
    code = query.partition("&")[0].removeprefix("code=")
    assert come_back(client, provider, query).status_code == 302
    sign_in(browser(cast.host), server, provider, sub="b", aud="another")
    with campus_scope(cast.campus):
        found = IdentityProvider.objects.get()
        assert SECRET.encode() not in bytes(found.sealed_secret or b"")
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "answer_untrusted" in logged
    for secret in (SECRET, "eyJ", "at-1", f"code={code}"):
        assert secret not in logged, secret


@pytest.mark.parametrize("methods", [5, True, "client_secret_post", {}, [], [[]], [None], ["x"]])
def test_odd_ways_to_show_a_secret_are_no_server_error(
    server: Provider, provider: IdentityProvider, cast: Cast, methods: Any
) -> None:
    server.document = {"token_endpoint_auth_methods_supported": methods}
    client = browser(cast.host)
    client.raise_request_exception = False
    assert client.get(address(provider)).status_code == 302


def test_a_slow_provider_holds_few_requests(
    cast: Cast, server: Provider, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its campus may wait in a minute is used up; then it is not asked, and is not taken for
    one that is away."""
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 302
    before = len(server.token_requests)
    monkeypatch.setattr("apps.tenants.waiting.MOST_SECONDS", 3.9)  # one request may take four
    refused = sign_in(browser(cast.host), server, provider, employeeNumber="STUD")
    assert (refused.status_code, "Try again in a minute" in words(refused)) == (424, True)
    assert len(server.token_requests) == before
    monkeypatch.undo()
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 302
