"""Platforms that register themselves by a link: with a platform on loopback that speaks it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.logs import without_secrets
from apps.lti.models import LtiKey, LtiPlatform, LtiRegistration
from apps.lti.services import registration
from apps.lti.services.registration import registration_make
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.lti.platform import CLIENT, DEPLOYMENT, TOOL, LearningPlatform
from tests.lti.support import arrived, browser, moodle, words

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]


def made(cast: Cast, **times: Any) -> str:
    """The address of a new link, without its host."""
    with campus_scope(cast.campus):
        link = LtiRegistration(name="Moodle")
        secret = registration_make(link, now=timezone.now(), actor=SYSTEM)
        if times:
            LtiRegistration.objects.filter(pk=link.pk).update(**times)
    return f"/lti/register/{secret}"


def opened(moodle: LearningPlatform, link: str, **changes: str) -> str:
    """As the platform opens it."""
    asked = {
        "openid_configuration": f"{moodle.url}/configuration",
        "registration_token": moodle.permission,
        **changes,
    }
    return f"{link}?" + "&".join(f"{name}={value}" for name, value in asked.items())


def nothing_saved(cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert LtiPlatform.objects.count() == 0
        assert LtiKey.objects.count() == 0
        assert LtiRegistration.objects.exclude(used_at=None).count() == 0
        assert not Entry.objects.filter(action="lti.platform.registered").exists()


def test_a_link_of_the_administration_registers_a_platform_which_is_then_switched_on(
    cast: Cast, moodle: LearningPlatform
) -> None:
    office = client_of(cast, cast.admin)
    shown = office.post(url(LtiRegistration, "add"), {"name": "Moodle of the college"})
    assert "no-store" in shown["Cache-Control"]
    found = re.search(r"http://north\.example(/lti/register/[\w-]{43})", shown.content.decode())
    assert found is not None
    there = opened(moodle, found[1])
    client = browser(cast)
    page = client.get(there)
    assert (page.status_code, moodle.registered) == (200, [])
    assert moodle.issuer in words(page)
    done = client.post(there)
    assert done.status_code == 200
    assert "js/lti/close.js" in done.content.decode()
    assert "switches it on" in words(done)
    (told,) = moodle.registered
    assert told["initiate_login_uri"] == "http://north.example/lti/login"
    assert told["redirect_uris"] == ["http://north.example/lti/launch"]
    assert told["jwks_uri"] == "http://north.example/lti/jwks"
    assert {one["type"]: one["target_link_uri"] for one in told[TOOL]["messages"]} == {
        "LtiResourceLinkRequest": "http://north.example/lti/launch",
        "LtiDeepLinkingRequest": "http://north.example/lti/launch?choice=1",
    }
    assert len(told["scope"].split()) == 3
    with campus_scope(cast.campus):
        platform = LtiPlatform.objects.get()
        assert (platform.name, platform.is_active) == ("Moodle of the college", False)
        assert (platform.issuer, platform.client_id) == (moodle.issuer, CLIENT)
        assert platform.deployment_ids == [DEPLOYMENT]
        assert platform.jwks_url == f"{moodle.url}/jwks"
        assert LtiKey.objects.count() == 1
        acts = set(Entry.objects.filter(action__startswith="lti.").values_list("action", flat=True))
        assert {"lti.registration.made", "lti.platform.registered"} <= acts
    refused = client.get("/lti/login", {"iss": moodle.issuer, "login_hint": "1"})
    assert refused.status_code == 403  # nobody has looked at it yet
    with campus_scope(cast.campus):
        LtiPlatform.objects.update(is_active=True)
    assert arrived(client, moodle).startswith("/lti/go/")


def test_the_secret_is_kept_as_a_hash_and_logged_nowhere(cast: Cast) -> None:
    secret = made(cast).rpartition("/")[2]
    with campus_scope(cast.campus):
        link = LtiRegistration.objects.get()
        assert secret.encode() not in bytes(link.digest)
        assert secret not in str(list(Entry.objects.values_list("data", flat=True)))
    asked = f"GET /lti/register/{secret}?openid_configuration=x&registration_token=ey.a.b"
    assert without_secrets(asked) == (
        "GET /lti/register/[hidden]?openid_configuration=x&registration_token=[hidden]"
    )
    page = client_of(cast, cast.admin).get(url(LtiRegistration, "changelist")).content.decode()
    assert secret not in page
    assert "open" in page


def test_a_link_is_good_once(cast: Cast, moodle: LearningPlatform) -> None:
    there = opened(moodle, made(cast))
    client = browser(cast)
    assert client.post(there).status_code == 200
    for answer in (client.post(there), client.get(there)):
        assert (answer.status_code, "used already" in words(answer)) == (409, True)
    assert len(moodle.registered) == 1
    again = client.post(opened(moodle, made(cast)))
    assert (again.status_code, "already" in words(again)) == (409, True)
    with campus_scope(cast.campus):
        assert LtiPlatform.objects.count() == 1
        assert LtiRegistration.objects.filter(used_at=None).count() == 1


def test_links_that_are_over_revoked_or_of_another_campus(
    cast: Cast, other_cast: Cast, moodle: LearningPlatform
) -> None:
    client = browser(cast)
    now = timezone.now()
    past = {"created_at": now - timedelta(hours=2), "expires_at": now - timedelta(hours=1)}
    over = client.post(opened(moodle, made(cast, **past)))
    assert (over.status_code, "good for an hour" in words(over)) == (409, True)
    link = made(cast)
    with campus_scope(cast.campus):
        row = LtiRegistration.objects.get(expires_at__gt=now)
    chosen: Any = {"action": "revoke", "_selected_action": [str(row.pk)]}
    client_of(cast, cast.principal).post(url(LtiRegistration, "changelist"), chosen)
    assert client.get(opened(moodle, link)).status_code == 200  # not by who only looks
    client_of(cast, cast.admin).post(url(LtiRegistration, "changelist"), chosen)
    revoked = client.post(opened(moodle, link))
    assert (revoked.status_code, "was revoked" in words(revoked)) == (409, True)
    foreign = client.post(opened(moodle, made(other_cast)))
    assert (foreign.status_code, "not known" in words(foreign)) == (404, True)
    assert moodle.registered == []
    nothing_saved(cast)


def test_the_page_stands_in_frames_and_keeps_the_policy_for_scripts(
    cast: Cast, moodle: LearningPlatform
) -> None:
    """Platforms frame it on hosts that their configuration does not name; refusals too."""
    client = browser(cast)
    there = opened(moodle, made(cast))
    for answer in (client.get(there), client.post(there), client.post(there)):
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors https: http:" in policy
        assert "script-src 'self'" in policy
        assert "X-Frame-Options" not in answer
        assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
        assert answer["Referrer-Policy"] == "no-referrer"


BENT: dict[str, tuple[dict[str, Any], str]] = {
    "no registration": ({"registration_endpoint": None}, "not whole"),
    "no keys": ({"jwks_uri": None}, "not whole"),
    "a file for tokens": ({"token_endpoint": "file:///etc/passwd"}, "not whole"),
    "sign-in without TLS": ({"authorization_endpoint": "http://lms.example/"}, "not whole"),
    "an address that is a list": ({"jwks_uri": ["https://lms.example/"]}, "not whole"),
    "an address of a thousand": ({"jwks_uri": "https://lms.example/" + "x" * 1000}, "not whole"),
    "no issuer": ({"issuer": None}, "not whole"),
    "an issuer that is no address": ({"issuer": "moodle"}, "not whole"),
    "another's issuer": ({"issuer": "https://canvas.instructure.com"}, "another host"),
    "other signatures": ({"id_token_signing_alg_values_supported": ["ES256"]}, "RS256"),
    "odd signatures": ({"id_token_signing_alg_values_supported": "RS256"}, "RS256"),
    "other proofs": ({"token_endpoint_auth_methods_supported": ["client_secret"]}, "RS256"),
}


@pytest.mark.parametrize("bent", BENT)
def test_configurations_that_are_not_believed(
    cast: Cast, moodle: LearningPlatform, bent: str
) -> None:
    moodle.described, said = BENT[bent]
    there = opened(moodle, made(cast))
    for answer in (browser(cast).get(there), browser(cast).post(there)):
        assert (answer.status_code, said in words(answer)) == (400, True)
    assert moodle.registered == []
    nothing_saved(cast)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "Paste its address there"),
        ("http://lms.example/configuration", "Nothing can be sent"),
        ("https://user:word@lms.example/", "Nothing can be sent"),
        ("gopher://lms.example/", "Nothing can be sent"),
        ("https://lms.example/" + "x" * 5000, "Nothing can be sent"),
    ],
)
def test_addresses_that_are_not_asked(cast: Cast, address: str, said: str) -> None:
    link = made(cast)
    for ask in (browser(cast).get, browser(cast).post):
        answer = ask(f"{link}?openid_configuration={address}")
        assert (answer.status_code, said in words(answer)) == (400, True)
    nothing_saved(cast)


def test_private_addresses_are_not_asked(cast: Cast, moodle: LearningPlatform) -> None:
    answer = browser(cast).post(f"{made(cast)}?openid_configuration=https://127.0.0.1:9/")
    assert (answer.status_code, "cannot be read now" in words(answer)) == (503, True)
    nothing_saved(cast)


def test_a_configuration_without_end_is_not_read(cast: Cast, moodle: LearningPlatform) -> None:
    moodle.described = {"more": "x" * (2 << 20)}
    answer = browser(cast).post(opened(moodle, made(cast)))
    assert (answer.status_code, "cannot be read now" in words(answer)) == (503, True)
    nothing_saved(cast)


def test_of_two_at_once_one_registers(
    cast: Cast, moodle: LearningPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other came between the look at the link and its use."""
    there = opened(moodle, made(cast))
    look = registration.registration_of

    def overtaken(secret: str, *, now: Any) -> LtiRegistration:
        found = look(secret, now=now)
        LtiRegistration.objects.update(used_at=now)
        return found

    monkeypatch.setattr(registration, "registration_of", overtaken)
    answer = browser(cast).post(there)
    assert (answer.status_code, "used already" in words(answer)) == (409, True)
    assert moodle.registered == []


@pytest.mark.parametrize(
    "answered",
    [
        {"client_id": None},
        {"client_id": 7},
        {"client_id": "  "},
        {"client_id": "x" * 300},
        {"client_id": "a\x00b"},
        {"whole": "<html>registered!</html>"},
    ],
)
def test_a_platform_that_answers_nonsense_leaves_the_link_as_it_was(
    cast: Cast, moodle: LearningPlatform, answered: dict[str, Any]
) -> None:
    there = opened(moodle, made(cast))
    moodle.answered = answered
    answer = browser(cast).post(there)
    assert (answer.status_code, "without a client id" in words(answer)) == (409, True)
    nothing_saved(cast)
    moodle.answered = {}
    assert browser(cast).post(there).status_code == 200


def test_a_platform_that_refuses_or_is_away_leaves_the_link_as_it_was(
    cast: Cast, moodle: LearningPlatform
) -> None:
    link = made(cast)
    client: Client = browser(cast)
    refused = client.post(opened(moodle, link, registration_token="stale"))
    assert (refused.status_code, "did not register" in words(refused)) == (409, True)
    odd = client.post(opened(moodle, link, registration_token="a%0d%0aX-Evil:1"))
    assert odd.status_code == 400
    moodle.away = 502
    away = client.post(opened(moodle, link))
    assert (away.status_code, "cannot be read now" in words(away)) == (503, True)
    nothing_saved(cast)
    moodle.away = 0
    assert client.post(opened(moodle, link)).status_code == 200


def test_a_platform_without_a_deployment_waits_for_it(cast: Cast, moodle: LearningPlatform) -> None:
    """Canvas, for one, makes deployments later: an administrator enters the id."""
    moodle.answered = {TOOL: ["odd"]}
    done = browser(cast).post(opened(moodle, made(cast)))
    assert "named no deployment id" in words(done)
    with campus_scope(cast.campus):
        platform = LtiPlatform.objects.get()
        assert platform.deployment_ids == []
    office = client_of(cast, cast.admin)
    form = {
        name: getattr(platform, name)
        for name in ("name", "issuer", "client_id", "auth_login_url", "token_url", "jwks_url")
    }
    page = url(LtiPlatform, "change", platform.pk)
    assert office.post(page, {**form, "is_active": "on"}).status_code == 200  # not without one
    assert office.post(page, {**form, "is_active": "on", "deployment_ids": "9"}).status_code == 302
    with campus_scope(cast.campus):
        assert LtiPlatform.objects.get().deployment_ids == ["9"]
