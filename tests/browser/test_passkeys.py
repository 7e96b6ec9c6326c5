"""Passkeys in a real browser, with its virtual authenticator: add, sign in, replace a lost key."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone
from playwright.sync_api import CDPSession, Page, expect

from apps.accounts.models import Device
from apps.attendance.models import Policy
from apps.signin.passkeys import OLD_ENOUGH
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import Phone
from tests.attendance.support import HEARD, HERE, open_session
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import PASSWORD, Cast
from tests.phone import code_of

LIST = "/accounts/2fa/webauthn/"
# What the check-in page does with the module: the same requests, from a page of ours.
CALL = """
async ([method, path, body]) => {
  const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify(body),
  });
  return [answer.status, await answer.json()];
}
"""
GET = """
async (options) => {
  const passkey = await import("/static/js/portal/student/passkey.js");
  try { return passkey.assertionOf(await passkey.get(options)); }
  catch (error) { return error.code; }
}
"""
SIGN = """
async ([evidence, verification]) => {
  const passkey = await import("/static/js/portal/student/passkey.js");
  const known = await (await fetch("/api/v1/me/passkeys")).json();
  const credentials = known.map((one) => one.credential_id);
  return passkey.sign(evidence, { credentials, verification });
}
"""


@pytest.fixture
def cdp(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    return session


def authenticator(cdp: CDPSession, *, verifies: bool = True, synced: bool = False) -> str:
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
        "defaultBackupEligibility": synced,
        "defaultBackupState": synced,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return str(made["authenticatorId"])


def verify(cdp: CDPSession, authenticator_id: str, verified: bool) -> None:
    cdp.send(
        "WebAuthn.setUserVerified",
        {"authenticatorId": authenticator_id, "isUserVerified": verified},
    )


def add(page: Page, site: str) -> None:
    page.goto(f"{site}{LIST}")
    page.get_by_role("link", name="Add a passkey").click()
    if "reauthenticate" in page.url:
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")
    page.get_by_label("Name").fill("My phone")
    page.get_by_role("button", name="Add a passkey").click()


def age(by: timedelta) -> None:
    """Let all passkeys be that old."""
    at = (timezone.now() - by).isoformat()
    with signed_act("mfa_authenticator"):
        for row in Authenticator.objects.all():
            row.data["added_at"] = at
            row.save(update_fields=["data"])


def call(page: Page, method: str, path: str, body: Any) -> tuple[int, Any]:
    status, answer = page.evaluate(CALL, [method, f"/api/v1/{path}", body])
    return status, answer


@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_is_added_and_signs_in(
    page: Page, site: str, hall: Cast, cdp: CDPSession, complaints: list[str], synced: bool
) -> None:
    authenticator(cdp, synced=synced)
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    row = page.get_by_role("region", name="My phone")
    expect(row).to_contain_text("localhost")
    expect(row).to_contain_text("several of your devices" if synced else "stays on one device")
    assert Authenticator.objects.get().data["synced"] is synced
    assert violations(page) == []
    page.context.clear_cookies()
    page.goto(f"{site}/accounts/login/?next=/attendance/")
    assert violations(page) == []
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{site}/attendance/")
    assert complaints == []


def test_without_the_devices_own_check_nothing_is_added(
    page: Page, site: str, hall: Cast, cdp: CDPSession
) -> None:
    authenticator(cdp, verifies=False)
    sign_in(page, site, hall.student.email)
    add(page, site)
    expect(page.get_by_role("alert").first).to_contain_text("Nothing was done")
    assert not Authenticator.objects.exists()


def test_a_device_with_a_passkey_is_told_so(
    page: Page, site: str, hall: Cast, cdp: CDPSession
) -> None:
    authenticator(cdp)
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    add(page, site)
    expect(page.get_by_role("alert").first).to_contain_text("already holds a passkey")
    assert Authenticator.objects.count() == 1


def test_a_passkey_is_removed(page: Page, site: str, hall: Cast, cdp: CDPSession) -> None:
    authenticator(cdp)
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    page.context.clear_cookies()
    page.goto(f"{site}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{site}/accounts/login/")
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_binds_a_new_key_in_the_place_of_a_lost_one(
    page: Page, site: str, hall: Cast, cdp: CDPSession, synced: bool
) -> None:
    device = authenticator(cdp, synced=synced)
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    page.goto(f"{site}{LIST}add/")
    with campus_scope(hall.campus):
        old, now = Phone(), timezone.now()
        Device.objects.create(
            student=hall.student,
            device_uuid=old.device_uuid,
            public_key=old.spki,
            kind="web",
            bound_at=now,
            last_seen_at=now,
        )

    def replace(phone: Phone) -> tuple[int, Any]:
        key = base64.b64encode(phone.spki).decode()
        body = {"device_uuid": phone.device_uuid, "public_key": key}
        status, asked = call(page, "POST", "me/device/passkey-challenge", body)
        assert status == 200, asked
        assertion = page.evaluate(GET, asked["request_options"])
        if isinstance(assertion, str):
            return 0, assertion
        return call(page, "POST", "me/device/passkey", phone.binding(asked, assertion=assertion))

    status, answer = replace(Phone())
    assert (status, answer["errors"][0]["code"]) == (403, "passkey_too_new")
    age(OLD_ENOUGH)
    verify(cdp, device, verified=False)
    assert replace(Phone()) == (0, "cancelled")  # the browser itself asks for the check
    verify(cdp, device, verified=True)
    new = Phone()
    status, answer = replace(new)
    assert status == 201, answer
    with campus_scope(hall.campus):
        bound = Device.objects.get(is_active=True)
        assert (bytes(bound.public_key), bound.bound_by_passkey) == (new.spki, True)


@pytest.mark.parametrize("synced", [False, True])
@pytest.mark.parametrize("verifies", [True, False])
def test_the_browser_signs_the_evidence_of_a_check_in(
    page: Page, site: str, hall: Cast, cdp: CDPSession, synced: bool, verifies: bool
) -> None:
    with campus_scope(hall.campus):
        Policy.objects.create(
            version=1,
            created_at=timezone.now(),
            passkey="accepted",
            person="bonus",
            synced_passkey_weight="0.5",
        )
    session = open_session(hall)
    device = authenticator(cdp, synced=synced)
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    page.goto(f"{site}{LIST}add/")
    age(OLD_ENOUGH)
    verify(cdp, device, verifies)
    token = code_of(hall, session.pk, timezone.now()).token
    status, ticket = call(page, "POST", "check-in/redeem", {"token": token})
    assert status == 201, ticket
    evidence = json.dumps(
        {
            "ticket": ticket["ticket"],
            "nonce": "nonce-in-browser",
            "location": HERE,
            "beacons": HEARD,
        }
    )
    assertion = page.evaluate(SIGN, [evidence, "required" if verifies else "discouraged"])
    body = {"evidence": evidence, "assertion": assertion}
    status, attempt = call(page, "POST", "check-in", body)
    assert (status, attempt["outcome"]) == (201, "accepted"), attempt
    factors = attempt["factors"]
    assert factors["device"]["confidence"] == (0.5 if synced else 1.0)
    assert ("person" in factors) is verifies
