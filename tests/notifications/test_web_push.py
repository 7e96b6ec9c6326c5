"""Browsers: a push service that checks VAPID, and a browser that decrypts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from apps.audit.services import Actor
from apps.common.errors import Invalid
from apps.notifications.channels import web_push
from apps.notifications.models import Delivery, PushToken
from apps.notifications.services import WebPushKeys, push_token_register
from tests.factories import Cast
from tests.notifications.providers import Answer, Browser, PushService
from tests.notifications.support import deliver, tell

ACTOR = Actor(label="test")


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    settings.VAPID_PRIVATE_KEY = web_push.new_private_key()
    settings.VAPID_SUBJECT = "mailto:office@north.example"
    with PushService(web_push.public_key()).running() as server:
        settings.WEB_PUSH_ORIGINS = [server.url]
        yield server


def subscribe(cast: Cast, browser: Browser, now: datetime, **changes: str) -> bool:
    return push_token_register(
        user=cast.student.user,
        device_type="web",
        token=browser.endpoint,
        keys=WebPushKeys(**{**browser.keys, **changes}),
        now=now,
        actor=ACTOR,
    )


@pytest.fixture
def browser(in_campus: Cast, service: PushService, now: datetime) -> Browser:
    browser = Browser(f"{service.url}/push/1")
    subscribe(in_campus, browser, now)
    tell(in_campus.student.user, now=now, title="Müde?", data={"course": 7})
    return browser


def test_a_browser_reads_the_message(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime
) -> None:
    assert deliver(in_campus.campus, "web_push", now) == 1
    (request,) = service.heard
    delivery = Delivery.objects.get(channel="web_push")
    tag = f"m{delivery.message_id}u{delivery.user_id}"
    assert request.path == "/push/1"
    assert request.headers["Topic"] == tag
    assert browser.read(request.body) == {
        "title": "Müde?",
        "body": "CS201: 68 %",
        "tag": tag,
        "lang": "en",
        "data": {"course": 7, "kind": "attendance_warning"},
    }
    assert delivery.provider_id == f"{service.url}/message/1"


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_ended_is_retired(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime, status: int
) -> None:
    service.script.append(Answer(status))
    deliver(in_campus.campus, "web_push", now)
    assert Delivery.objects.get(channel="web_push").status == "dead"
    assert not PushToken.objects.exists()


@pytest.mark.parametrize(("status", "expected"), [(413, "dead"), (429, "failed"), (500, "failed")])
def test_other_refusals_keep_the_subscription(
    in_campus: Cast,
    service: PushService,
    browser: Browser,
    now: datetime,
    status: int,
    expected: str,
) -> None:
    service.script.append(Answer(status))
    deliver(in_campus.campus, "web_push", now)
    assert Delivery.objects.get(channel="web_push").status == expected
    assert PushToken.objects.count() == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:6379/",
        "https://169.254.169.254/latest/meta-data",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://evil.example/.push.apple.com",
        "not an address",
    ],
)
def test_only_known_push_services_are_talked_to(
    in_campus: Cast, now: datetime, endpoint: str
) -> None:
    assert not web_push.is_allowed_endpoint(endpoint)
    with pytest.raises(Invalid):
        subscribe(in_campus, Browser(endpoint), now)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/abc",
        "https://db5p.notify.windows.com/w/?token=abc",
    ],
)
def test_the_browsers_own_services_are_known(in_campus: Cast, now: datetime, endpoint: str) -> None:
    assert subscribe(in_campus, Browser(endpoint), now)


def test_an_endpoint_that_is_no_longer_allowed_is_not_called(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime, settings: Any
) -> None:
    settings.WEB_PUSH_ORIGINS = ["https://fcm.googleapis.com"]
    deliver(in_campus.campus, "web_push", now)
    assert service.heard == []


@pytest.mark.parametrize("changes", [{"p256dh": "AAAA"}, {"auth": "AAAA"}, {"auth": "é"}])
def test_keys_that_are_not_sound_are_refused(
    in_campus: Cast, service: PushService, now: datetime, changes: dict[str, str]
) -> None:
    with pytest.raises(Invalid, match="subscription"):
        subscribe(in_campus, Browser(f"{service.url}/push/2"), now, **changes)


def test_a_key_for_the_settings_is_32_bytes() -> None:
    assert len(web_push.from_base64url(web_push.new_private_key())) == 32
