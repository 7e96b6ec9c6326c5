"""Google sign-in against a server that speaks Google's protocol, with a real RSA key."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.services import account_deactivate
from apps.audit.services import SYSTEM
from apps.signin.adapters import campus_address
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, at, code_of, signed_in
from tests.factories import PASSWORD, Cast
from tests.rsa_keys import rsa_key
from tests.signin.google_server import CLIENT_ID, SECRET, Google

PROVIDER_TOKEN = "/_allauth/app/v1/auth/provider/token"
CALLBACK = "/accounts/google/login/callback/"


@pytest.fixture(scope="module")
def server() -> Iterator[Google]:
    google = Google()
    yield google
    google.stop()


@pytest.fixture
def google(server: Google, settings: Settings) -> Google:
    server.certificate_requests = 0
    server.certificates_answer = None
    settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
    settings.SOCIALACCOUNT_PROVIDERS = {
        "google": {
            "APPS": [{"client_id": CLIENT_ID, "secret": SECRET}],
            "SCOPE": ["openid", "email", "profile"],
            "OAUTH_PKCE_ENABLED": True,
            "CERTS_URL": f"{server.url}/certs",
            "ACCESS_TOKEN_URL": f"{server.url}/token",
        }
    }
    return server


def present(cast: Cast, id_token: Any, client_id: str = CLIENT_ID) -> Any:
    """Sign in on a phone with an ID token."""
    token = {"client_id": client_id, "id_token": id_token}
    body = {"provider": "google", "process": "login", "token": token}
    return at(cast.host).post(PROVIDER_TOKEN, body)


def test_known_person_signs_in_on_the_phone(cast: Cast, google: Google) -> None:
    claims = google.claims(cast.student.email)
    answer = present(cast, google.id_token(claims))
    assert answer.status_code == 200
    access = answer.json()["meta"]["access_token"]
    me = at(cast.host, Authorization=f"Bearer {access}").get(ME)
    assert me.json()["student"]["code"] == "STUD"


def test_second_sign_in_finds_the_connected_account(cast: Cast, google: Google) -> None:
    for _again in range(2):
        claims = google.claims(cast.student.email, jti=None, nonce=str(time.time_ns()))
        assert present(cast, google.id_token(claims)).status_code == 200
    assert SocialAccount.objects.get().user_id == cast.student.user_id


def test_no_more_is_kept_than_needed(cast: Cast, google: Google) -> None:
    present(cast, google.id_token(google.claims(cast.student.email)))
    kept = SocialAccount.objects.get().extra_data
    assert kept.keys() == {"sub", "email", "email_verified", "hd"}


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-app.apps.googleusercontent.com"},
        {"aud": None},
        {"iss": "https://accounts.evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"iat": int(time.time()) + 3_000},
        {"iat": None},
        {"sub": None},
    ],
)
def test_wrong_claims_are_refused(cast: Cast, google: Google, changes: dict[str, Any]) -> None:
    answer = present(cast, google.id_token(google.claims(cast.student.email, **changes)))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "invalid_token"


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "stud@other.example", "hd": "other.example"},
        {"hd": "other.example"},
        {"hd": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": None},
        {"email": "stranger-to-us@north.example"},
        {"email": "stud@south.example", "hd": "south.example"},
    ],
)
def test_people_the_campus_does_not_vouch_for_are_refused(
    cast: Cast, other_cast: Cast, google: Google, changes: dict[str, Any]
) -> None:
    answer = present(cast, google.id_token(google.claims(cast.student.email, **changes)))
    assert (answer.status_code, code_of(answer)) == (403, "sign_in_refused")
    assert not SocialAccount.objects.exists()
    assert User.objects.filter(email__startswith="stranger-to-us").count() == 0


def test_deactivated_person_is_refused(cast: Cast, google: Google) -> None:
    user = cast.student.user
    assert user is not None
    with campus_scope(cast.campus):
        account_deactivate(user=user, now=user.created_at, actor=SYSTEM)
    answer = present(cast, google.id_token(google.claims(cast.student.email)))
    assert answer.status_code == 403


def test_connected_account_with_a_new_address_is_refused(cast: Cast, google: Google) -> None:
    present(cast, google.id_token(google.claims(cast.student.email)))
    moved = google.claims(cast.classmate.email, sub=f"sub-{cast.student.email}")
    assert present(cast, google.id_token(moved)).status_code == 403


def test_forged_signatures_are_refused(cast: Cast, google: Google) -> None:
    claims = google.claims(cast.student.email)
    stranger = rsa_key("stranger")
    head = {"kid": google.kid}
    forged = [
        jwt.encode(claims, stranger, algorithm="RS256", headers=head),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers=head),
        jwt.encode(claims, None, algorithm="none", headers=head),
        google.id_token(claims, kid="unknown"),
        google.id_token(claims, kid=None),
        google.id_token(claims)[:-4],
        "a.b.c",
        "",
    ]
    assert {present(cast, token).status_code for token in forged} == {400}


@pytest.mark.parametrize("token", [None, 7, {"x": 1}, "é", "\x00"])
def test_malformed_tokens_are_a_400(cast: Cast, google: Google, token: Any) -> None:
    assert present(cast, token).status_code == 400


def test_token_for_another_client_id_is_refused(cast: Cast, google: Google) -> None:
    token = google.id_token(google.claims(cast.student.email, aud="other"))
    assert present(cast, token, client_id="other").status_code == 400


def test_replayed_id_token_is_refused(cast: Cast, google: Google) -> None:
    token = google.id_token(google.claims(cast.student.email))
    assert [present(cast, token).status_code for _again in range(2)] == [200, 400]


def test_certificates_are_fetched_once(cast: Cast, google: Google) -> None:
    for _again in range(3):
        claims = google.claims(cast.student.email, nonce=str(time.time_ns()))
        present(cast, google.id_token(claims))
    present(cast, google.id_token(google.claims(cast.student.email), kid="unknown"))
    assert google.certificate_requests == 1
    cache.clear()
    present(cast, google.id_token(google.claims(cast.classmate.email)))
    assert google.certificate_requests == 2


def test_without_a_client_id_there_is_no_google(cast: Cast, settings: Settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {}
    visitor = Client(headers={"host": cast.host})
    for path in ("/accounts/google/login/", CALLBACK, "/accounts/google/login/token/"):
        assert visitor.post(path).status_code == 404
    assert present(cast, "token").status_code == 400


def test_google_out_of_reach_is_a_refusal(cast: Cast, google: Google, settings: Settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["google"]["CERTS_URL"] = "http://127.0.0.1:1/certs"
    assert present(cast, google.id_token(google.claims(cast.student.email))).status_code == 400


@pytest.mark.parametrize(
    "answer", [[], {}, "<html>", {"key-1": 7}, {"key-1": ["x"]}, {"key-1": "no certificate"}, None]
)
def test_odd_certificates_are_a_refusal_and_not_kept(
    cast: Cast, google: Google, answer: Any
) -> None:
    google.certificates_answer = (json.dumps(answer).encode(), 200)
    token = google.id_token(google.claims(cast.student.email))
    assert present(cast, token).status_code == 400
    google.certificates_answer = (b"[" * 100_000, 200)
    assert present(cast, token).status_code == 400


def test_certificates_come_from_google_alone(
    cast: Cast, google: Google, settings: Settings
) -> None:
    settings.OUTGOING_PRIVATE_ADDRESSES = []
    token = google.id_token(google.claims(cast.student.email))
    assert present(cast, token).status_code == 400
    assert google.certificate_requests == 0


def test_signed_in_person_connects_nobody_else(cast: Cast, google: Google) -> None:
    client = signed_in(cast.host, cast.student.email)
    token = {
        "client_id": CLIENT_ID,
        "id_token": google.id_token(google.claims(cast.classmate.email)),
    }
    body = {"provider": "google", "process": "connect", "token": token}
    assert client.post(PROVIDER_TOKEN, body).status_code == 403
    assert not SocialAccount.objects.exists()


def start(visitor: Client) -> dict[str, str]:
    """Press the button; returns the parameters that Google would receive."""
    answer = visitor.post("/accounts/google/login/")
    assert answer["Location"].startswith("https://accounts.google.com/")
    query = parse_qs(urlsplit(answer["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def come_back(visitor: Client, google: Google, sent: dict[str, str], claims: Any) -> Any:
    google.answers["one-time-code"] = claims
    return visitor.get(CALLBACK, {"code": "one-time-code", "state": sent["state"]})


@pytest.fixture
def visitor(cast: Cast) -> Client:
    return Client(headers={"host": cast.host})


def test_known_person_signs_in_in_the_browser(cast: Cast, google: Google, visitor: Client) -> None:
    sent = start(visitor)
    assert sent["client_id"] == CLIENT_ID
    assert sent["code_challenge_method"] == "S256"
    claims = google.claims(cast.lecturer.email, nonce=sent["nonce"])
    assert come_back(visitor, google, sent, claims).status_code == 302
    assert google.token_requests[-1]["code_verifier"]
    assert visitor.get(ME).json()["roles"] == ["faculty"]


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-app"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 60},
        {"hd": "other.example"},
        {"email_verified": False},
        {"email": "stranger@north.example"},
    ],
)
def test_wrong_answers_end_the_browsers_sign_in(
    cast: Cast, google: Google, visitor: Client, changes: dict[str, Any]
) -> None:
    sent = start(visitor)
    claims = google.claims(cast.lecturer.email, **{"nonce": sent["nonce"], **changes})
    assert come_back(visitor, google, sent, claims).status_code in {401, 403}
    assert visitor.get(ME).status_code == 401


def test_state_of_another_browser_is_refused(cast: Cast, google: Google, visitor: Client) -> None:
    sent = start(visitor)
    victim = Client(headers={"host": cast.host})
    claims = google.claims(cast.lecturer.email, nonce=sent["nonce"])
    come_back(victim, google, sent, claims)
    assert victim.get(ME).status_code == 401


def test_second_factor_follows_google(cast: Cast, google: Google) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    user = cast.student.user
    assert user is not None
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    answer = present(cast, google.id_token(google.claims(cast.student.email)))
    assert answer.status_code == 401
    assert "access_token" not in answer.json()["meta"]
    assert user.check_password(PASSWORD)


def test_gmail_vouches_for_itself_where_the_campus_says_so() -> None:
    gmail = {"email": "a@gmail.com", "email_verified": True}
    assert campus_address(gmail, ["gmail.com"]) == "a@gmail.com"
    assert campus_address(gmail, ["north.example"]) == ""
    assert campus_address(gmail, []) == ""
    alias = {"email": "a@Staff.North.example", "email_verified": True, "hd": "north.example"}
    assert campus_address(alias, ["north.example"]) == ""
    assert campus_address(alias, ["North.example", "staff.north.example"]) == alias["email"].lower()
