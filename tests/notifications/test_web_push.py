"""Browsers: a push service that checks VAPID, and a browser that decrypts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.audit.services import Actor
from apps.common.errors import Invalid
from apps.notifications import circuit_breaker
from apps.notifications.channels import web_push
from apps.notifications.models import Delivery, PushToken
from apps.notifications.selectors import channels_down
from apps.notifications.services import WebPushKeys, push_token_register
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_student
from tests.notifications.providers import Answer, Browser, PushService
from tests.notifications.support import deliver, tell

ACTOR = Actor(label="test")


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    settings.VAPID_PRIVATE_KEY = web_push.new_private_key()
    settings.VAPID_SUBJECT = "mailto:office@north.example"
    with PushService(web_push.public_key()).running() as server:
        settings.WEB_PUSH_ORIGINS = [server.url]
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
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
    tag = delivery.pk.hex
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
        "https://127.0.0.1:8443\\.notify.windows.com/x",
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


# --- Addresses that do not work ------------------------------------------------------------------


def other_subscription(cast: Cast, endpoint: str, now: datetime) -> None:
    """The classmate hears from another service."""
    push_token_register(
        user=cast.classmate.user,
        device_type="web",
        token=endpoint,
        keys=WebPushKeys(**Browser(endpoint).keys),
        now=now,
        actor=ACTOR,
    )


def by_address() -> dict[str, str]:
    rows = Delivery.objects.filter(channel="web_push").select_related("user")
    return {row.user.email.partition("@")[0]: row.status for row in rows}


@pytest.fixture
def dead_end(settings: Any, service: PushService) -> str:
    """A service whose name does not resolve, below a known suffix."""
    settings.WEB_PUSH_ORIGINS = [service.url, "https://*.invalid"]
    return "https://push.invalid/x"


def test_an_address_that_does_not_resolve_pauses_nobody_else(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime, dead_end: str
) -> None:
    other_subscription(in_campus, dead_end, now)
    tell(in_campus.classmate.user, now=now, key="other")
    assert deliver(in_campus.campus, "web_push", now) == 1
    assert by_address() == {"stud": "sent", "mate": "failed"}
    assert channels_down() == []


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_batch_of_refusals_does_not_stop_the_channel(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime, status: int
) -> None:
    service.script.append(Answer(status))
    deliver(in_campus.campus, "web_push", now)
    assert channels_down() == []
    assert not circuit_breaker.is_paused(name="web_push", now=now)
    assert Delivery.objects.get(channel="web_push").next_try_at >= now + timedelta(seconds=15)
    assert PushToken.objects.count() == 1


def test_the_pause_of_an_address_grows_and_costs_no_tries(
    in_campus: Cast, service: PushService, browser: Browser, now: datetime
) -> None:
    name = circuit_breaker.address_name(browser.endpoint)
    pauses = []
    moment = now
    for _failure in range(4):
        service.script.append(Answer(403))
        Delivery.objects.filter(channel="web_push").update(next_try_at=moment)
        deliver(in_campus.campus, "web_push", moment)
        trouble = circuit_breaker.trouble_of(name=name)
        assert trouble is not None
        pauses.append((trouble.paused_until - moment).total_seconds())
        moment = trouble.paused_until
    assert pauses == [30, 60, 120, 240]
    attempts = Delivery.objects.get(channel="web_push").attempts
    tell(in_campus.student.user, now=now, key="second")
    early = moment - timedelta(seconds=1)
    assert deliver(in_campus.campus, "web_push", early) == 0
    waiting = Delivery.objects.get(channel="web_push", message__key="second")
    assert (waiting.status, waiting.attempts, waiting.next_try_at) == ("waiting", 0, moment)
    Delivery.objects.filter(channel="web_push").update(next_try_at=moment)
    assert deliver(in_campus.campus, "web_push", moment) == 2
    assert attempts == 4
    assert circuit_breaker.trouble_of(name=name) is None


def test_a_host_is_paused_once_several_addresses_fail_there_and_none_works(
    in_campus: Cast, service: PushService, now: datetime
) -> None:
    people = [make_student().user for _ in range(circuit_breaker.ADDRESSES_PER_HOST + 1)]
    for number, user in enumerate(people):
        endpoint = f"{service.url}/push/{number}"
        push_token_register(
            user=user,
            device_type="web",
            token=endpoint,
            keys=WebPushKeys(**Browser(endpoint).keys),
            now=now,
            actor=ACTOR,
        )
    host = circuit_breaker.host_name("127.0.0.1")
    tell(*people[:1], now=now, key="one")
    service.script.append(Answer(403))
    deliver(in_campus.campus, "web_push", now)
    assert not circuit_breaker.is_paused(name=host, now=now)
    service.script.extend([Answer(403)] * (len(people) - 2))
    tell(*people[1:-1], now=now, key="others")
    deliver(in_campus.campus, "web_push", now)
    assert circuit_breaker.is_paused(name=host, now=now)
    asked = len(service.heard)
    tell(people[-1], now=now, key="last")
    assert deliver(in_campus.campus, "web_push", now) == 0
    assert len(service.heard) == asked
    later = now + timedelta(seconds=circuit_breaker.HOST.first)
    assert deliver(in_campus.campus, "web_push", later) == 1  # the last one's own address is fine
    assert circuit_breaker.trouble_of(name=host) is None


def test_two_campuses_share_no_pause_of_the_channel(
    cast: Cast, other_cast: Cast, service: PushService, now: datetime, settings: Any
) -> None:
    settings.WEB_PUSH_ORIGINS = [service.url, "https://*.invalid"]
    for each, endpoint in ((cast, "https://push.invalid/x"), (other_cast, f"{service.url}/push/1")):
        with campus_scope(each.campus):
            subscribe(each, Browser(endpoint), now)
            tell(each.student.user, now=now)
    for each, sent in ((cast, 0), (other_cast, 1)):
        with campus_scope(each.campus):
            assert deliver(each.campus, "web_push", now) == sent
