"""The student's pages in a real browser: marks, requests, messages, web push."""

import base64
import secrets
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.fixtures import Settings

from apps.attendance.models import AttendanceRecord
from apps.leave.models import Appeal, LeaveRequest
from apps.notifications.channels.web_push import new_private_key, raw_public, unpadded
from apps.notifications.models import PushToken
from apps.notifications.services import notify
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import Cast, make_session
from tests.leave.support import closed

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


@pytest.fixture
def _web_push(settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = new_private_key()
    settings.VAPID_SUBJECT = "mailto:it@north.example"


@pytest.fixture
def absence(hall: Cast) -> AttendanceRecord:
    """The student missed yesterday's session; three are planned, and a message has arrived."""
    now = timezone.now()
    with campus_scope(hall.campus):
        session = closed(hall, now - timedelta(days=1))
        for days in (1, 2, 3):
            make_session(hall.course, starts_at=now + timedelta(days=days))
        notify(
            kind="announcement",
            user_ids=[hall.student.user_id],
            title="Bring your laptops",
            body="We practise tomorrow.",
            now=now,
            key="laptops",
        )
        return AttendanceRecord.objects.get(session=session, student=hall.student)


def test_a_wrong_mark_is_appealed_against_in_a_dialog(
    page: Page, site: str, hall: Cast, absence: AttendanceRecord, complaints: list[str]
) -> None:
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/attendance/")
    mark = page.locator(f"#mark-{absence.pk}")
    mark.locator("summary").click()
    expect(mark).to_contain_text("No valid check-in")
    mark.get_by_role("link", name="Appeal this mark").click()
    dialog = page.locator("#request-dialog")
    expect(dialog.get_by_role("heading", name="This mark is wrong")).to_be_focused()
    assert violations(page) == []
    dialog.get_by_label("Present").check()
    # Blanks pass the browser's own check: the server refuses them, beside the field.
    dialog.get_by_label("What happened").fill("   ")
    dialog.get_by_role("button", name="Send the appeal").click()
    expect(dialog.locator("#id_text_error")).to_be_visible()
    dialog.get_by_label("What happened").fill("I sat in the last row.")
    dialog.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_text("You will be notified when it is decided.")).to_be_visible()
    mark.locator("summary").first.click()
    expect(mark).to_contain_text("waiting for a decision")
    with campus_scope(hall.campus):
        assert Appeal.objects.get().wanted == "present"
    # A 422 is written to the console by the browser itself.
    assert [text for text in complaints if "422" not in text] == []


def test_leave_is_asked_for_and_withdrawn(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    sign_in(page, site, hall.student.email)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="More").click()
    page.get_by_role("link", name="Leave").click()
    page.get_by_role("link", name="Ask for leave").click()
    dialog = page.locator("#request-dialog")
    dialog.get_by_label("Reason").fill("Operation")
    dialog.get_by_role("button", name="Send the request").click()
    request = page.locator("article", has_text="Operation")
    expect(request).to_contain_text("Waiting for a decision")
    request.locator("summary").click()
    request.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("The request is withdrawn.")).to_be_visible()
    with campus_scope(hall.campus):
        assert LeaveRequest.objects.get().status == "withdrawn"
    assert complaints == []


def test_requests_work_without_scripts(
    browser: Browser, hall: Cast, site: str, absence: AttendanceRecord
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/attendance/")
    page.locator(f"#mark-{absence.pk} summary").click()
    page.get_by_role("link", name="Appeal this mark").click()
    page.get_by_label("Present").check()
    page.get_by_label("What happened").fill("I was there.")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_text("You will be notified when it is decided.")).to_be_visible()
    page.goto(f"{site}/messages/")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("No unread messages.")).to_be_visible()
    context.close()


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
