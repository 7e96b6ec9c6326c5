"""Web push in a real browser, from the subscription to the message that it shows."""

import base64
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect

from apps.demo.simulation.browser import find_chromium
from apps.notifications.channels.web_push import raw_public, unpadded
from apps.notifications.models import PushToken
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.factories import Cast

ENDPOINT = "https://fcm.googleapis.com/fcm/send/of-this-browser"
# The browser's push service is on the internet: the subscription that it would answer with.
SUBSCRIBE = """
([endpoint, p256dh, auth]) => {
  const made = {
    endpoint,
    toJSON: () => ({ endpoint, keys: { p256dh, auth } }),
    unsubscribe: async () => { window.subscribed = null; return true; },
  };
  PushManager.prototype.getSubscription = async () => window.subscribed ?? null;
  PushManager.prototype.subscribe = async (options) => {
    window.asked = options;
    return (window.subscribed = made);
  };
}
"""


@pytest.fixture(scope="module")
def browser(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> Iterator[Browser]:
    """The Chromium with windows: the other one has no notifications."""
    path = find_chromium(windows=True)
    if path is None:
        pytest.skip("no Chromium with windows on this machine")
    found = browser_type.launch(**{**browser_type_launch_args, "executable_path": path})
    yield found
    found.close()


@pytest.mark.usefixtures("_web_push")
def test_a_browser_is_subscribed_shows_a_message_and_is_let_go(
    page: Page, context: BrowserContext, site: str, hall: Cast, complaints: list[str]
) -> None:
    context.grant_permissions(["notifications"], origin=site)
    browsers_key = raw_public(ec.generate_private_key(ec.SECP256R1()).public_key())
    keys = [ENDPOINT, unpadded(browsers_key), unpadded(secrets.token_bytes(16))]
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/messages/preferences")
    page.evaluate(SUBSCRIBE, keys)
    page.get_by_role("button", name="Notify me in this browser").click()
    expect(page.get_by_text("Messages appear in this browser.")).to_be_visible()
    with campus_scope(hall.campus):
        token = PushToken.objects.get(user=hall.student.user)
    assert (token.device_type, token.token, token.p256dh, token.auth) == ("web", *keys)

    asked = page.evaluate("btoa(String.fromCharCode(...window.asked.applicationServerKey))")
    key = page.locator("[data-push]").get_attribute("data-key")
    assert base64.b64decode(asked) == base64.urlsafe_b64decode(f"{key}=")

    shown = push(page, context, site, '{"title": "Moved", "body": "Room 204", "tag": "m1"}')
    assert shown == [["Moved", "Room 204", "m1"]]

    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("button", name="Notify me in this browser")).to_be_visible()
    with campus_scope(hall.campus):
        assert not PushToken.objects.exists()
    assert complaints == []


@pytest.mark.usefixtures("_web_push")
def test_whoever_signs_out_is_not_written_to_in_this_browser(
    page: Page, context: BrowserContext, site: str, hall: Cast, complaints: list[str]
) -> None:
    context.grant_permissions(["notifications"], origin=site)
    browsers_key = raw_public(ec.generate_private_key(ec.SECP256R1()).public_key())
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/messages/preferences")
    page.evaluate(SUBSCRIBE, [ENDPOINT, unpadded(browsers_key), unpadded(b"0" * 16)])
    page.get_by_role("button", name="Notify me in this browser").click()
    expect(page.get_by_text("Messages appear in this browser.")).to_be_visible()
    ended: list[str] = []
    page.expose_function("ended", lambda what: ended.append(what))
    page.evaluate("() => { window.subscribed.unsubscribe = () => window.ended('unsubscribed') }")

    page.locator("details[data-menu] summary").last.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site}/accounts/login/**")
    assert ended == ["unsubscribed"]
    assert complaints == []


def push(page: Page, context: BrowserContext, site: str, payload: str) -> list[list[str]]:
    """Deliver a push to the page's service worker; returns the notifications that it shows."""
    devtools = context.new_cdp_session(page)
    found: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(row["registrationId"] for row in event["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    deadline = time.monotonic() + 30
    while not found and time.monotonic() < deadline:
        page.wait_for_timeout(50)  # the event comes in its own time
    devtools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": site, "registrationId": found[-1], "data": payload},
    )
    page.wait_for_function(
        "async () => (await (await navigator.serviceWorker.ready).getNotifications()).length > 0"
    )
    shown: list[list[str]] = page.evaluate(
        """async () => (await (await navigator.serviceWorker.ready).getNotifications())
             .map((one) => [one.title, one.body, one.tag])"""
    )
    return shown
