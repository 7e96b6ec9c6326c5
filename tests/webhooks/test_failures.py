"""What becomes of an event that is not taken: tried again, given up, the webhook left alone."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.tenants.scope import campus_scope
from apps.webhooks import tasks
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import deliver_due, deliveries_retry, endpoint_test, sending
from apps.webhooks.services.sending import HOLD, WAITS, _hold
from tests.factories import Cast
from tests.notifications.providers import Answer
from tests.webhooks.support import Receiver, make_endpoint, the_delivery, told

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with Receiver().running() as server:
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
        yield server


def failing(receiver: Receiver, status: int, times: int, **headers: str) -> None:
    receiver.script.extend(Answer(status, headers=headers) for _number in range(times))


@pytest.fixture(autouse=True)
def takes_every_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receiver, "is_scripted", lambda self, request: True)


def test_it_is_tried_again_with_the_same_id(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 500, 1)
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    assert told(in_campus.campus, now) == 0
    failed = the_delivery()
    assert (failed.status, failed.answer_status, failed.attempts) == ("failed", 500, 1)
    assert timedelta(seconds=4) <= failed.next_try_at - now <= timedelta(seconds=6)
    assert told(in_campus.campus, now + 2 * SECOND) == 0
    assert told(in_campus.campus, now + 7 * SECOND) == 1
    first, second = receiver.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_after_the_last_try_it_is_given_up_and_can_be_sent_again(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 503, len(WAITS) + 1)
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    at = now
    for _number in range(len(WAITS) + 1):
        told(in_campus.campus, at)
        at += timedelta(hours=15)  # more than the longest wait
    assert the_delivery().status == "dead"
    assert the_delivery().attempts == len(WAITS) + 1
    again = deliveries_retry(deliveries=WebhookDelivery.objects.all(), now=at, actor=SYSTEM)
    assert again == 1
    assert told(in_campus.campus, at) == 1
    assert Entry.objects.filter(action="webhooks.delivery.retried").count() == 1


def test_one_that_fails_is_left_alone_and_others_are_told(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    """A thousand events do not become a thousand requests to a system that is down."""
    down = make_endpoint("http://127.0.0.1:9/", now=now, name="Down")
    up = make_endpoint(receiver.url, now=now)
    for _number in range(5):
        endpoint_test(endpoint=down, now=now, actor=SYSTEM)
        endpoint_test(endpoint=up, now=now, actor=SYSTEM)
    assert told(in_campus.campus, now) == 5
    down.refresh_from_db()
    assert down.failures == 3
    assert down.resting_until is not None
    tries = WebhookDelivery.objects.filter(endpoint=down).values_list("attempts", flat=True)
    assert sorted(tries) == [0, 0, 1, 1, 1]


def test_a_wait_that_is_asked_for_is_kept(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 429, 1, **{"Retry-After": "120"})
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    told(in_campus.campus, now)
    assert the_delivery().next_try_at == now + timedelta(seconds=120)
    endpoint.refresh_from_db()
    assert endpoint.resting_until == now + timedelta(seconds=120)


@pytest.mark.parametrize("asked", ["-5", "soon", "9" * 400, "Mon, 99 Foo 2026 00:00:00 GMT", "²"])
def test_odd_waits_are_no_waits_without_end(
    in_campus: Cast, receiver: Receiver, now: datetime, asked: str
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 503, 1, **{"Retry-After": asked.encode().decode("latin-1")})
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    told(in_campus.campus, now)
    assert the_delivery().next_try_at <= now + timedelta(hours=1)


def test_one_that_is_deleted_while_it_is_told_keeps_nobody_else_waiting(
    in_campus: Cast, receiver: Receiver, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Gone", "Stays"):
        endpoint_test(
            endpoint=make_endpoint(receiver.url, now=now, name=name), now=now, actor=SYSTEM
        )
    send = sending._send

    def deleting(outgoing: Any, at: datetime) -> Any:
        WebhookEndpoint.objects.filter(name="Gone").delete()
        return send(outgoing, at)

    monkeypatch.setattr(sending, "_send", deleting)
    assert told(in_campus.campus, now) == 2
    assert the_delivery().status == "sent"


def test_one_that_wants_no_more_is_switched_off(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 410, 1)
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    told(in_campus.campus, now)
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    entry = Entry.objects.get(action="webhooks.endpoint.stopped")
    assert "410" in entry.data["why"]


def test_one_that_takes_nothing_for_five_days_is_switched_off(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 500, 7)
    for day in range(7):
        at = now + timedelta(days=day)
        endpoint_test(endpoint=endpoint, now=at, actor=SYSTEM)
        WebhookDelivery.objects.filter(status="failed").delete()
        told(in_campus.campus, at)
        endpoint.refresh_from_db()
        assert endpoint.is_active == (day < 5)


def test_a_secret_that_cannot_be_opened_keeps_no_other_from_being_told(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    broken = make_endpoint(receiver.url, now=now, name="Broken")
    WebhookEndpoint.objects.filter(pk=broken.pk).update(sealed_secret=b"x" * 60)
    endpoint_test(endpoint=broken, now=now, actor=SYSTEM)
    endpoint_test(endpoint=make_endpoint(receiver.url, now=now), now=now, actor=SYSTEM)
    assert told(in_campus.campus, now) == 1
    assert WebhookDelivery.objects.get(endpoint=broken).status == "dead"


def test_a_redirect_is_not_followed(in_campus: Cast, receiver: Receiver, now: datetime) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    failing(receiver, 307, 1, Location="http://127.0.0.1:1/")
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    told(in_campus.campus, now)
    assert (the_delivery().status, the_delivery().answer_status) == ("failed", 307)
    assert len(receiver.heard) == 1


def test_what_a_killed_worker_held_is_sent_by_the_next_one(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    endpoint = make_endpoint(receiver.url, now=now)
    endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    assert len(_hold(now)) == 1  # and then it was killed
    assert told(in_campus.campus, now + SECOND) == 0
    assert told(in_campus.campus, now + HOLD + SECOND) == 1
    assert the_delivery().status == "sent"


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_event_once(cast: Cast, receiver: Receiver) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        endpoint = make_endpoint(receiver.url, now=now)
        for _number in range(30):
            endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    until = timezone.now() + timedelta(minutes=1)

    def work() -> None:
        from django.db import connections

        try:
            deliver_due(campus_id=cast.campus.pk, clock=timezone.now, until=until)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ids = [heard.headers["webhook-id"] for heard in receiver.heard]
    assert len(ids) == len(set(ids)) == 30
    with campus_scope(cast.campus):
        assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"sent"}
        assert WebhookEndpoint.objects.get().failures == 0


def test_a_campus_has_one_worker_at_a_time(
    cast: Cast, other_cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow systems of one campus must not take the workers that all campuses' messages wait for."""
    now = timezone.now()
    for one in (cast, other_cast):
        with campus_scope(one.campus):
            endpoint = make_endpoint(receiver.url, now=now)
            endpoint_test(endpoint=endpoint, now=now, actor=SYSTEM)
    here, there = cast.campus.pk, other_cast.campus.pk
    meanwhile: list[int] = []

    def slow(*, campus_id: int, **options: Any) -> int:
        if campus_id == here and not meanwhile:  # a second task, while the first one is at it
            meanwhile.extend((tasks.deliver(here), tasks.deliver(there)))
        return deliver_due(campus_id=campus_id, **options)

    monkeypatch.setattr(tasks, "deliver_due", slow)
    assert tasks.deliver(here) == 1
    assert meanwhile == [0, 1]
    monkeypatch.setattr(tasks, "deliver_due", lambda **_: 1 / 0)
    for _again in range(2):  # what broke off does not keep the next one out
        with pytest.raises(ZeroDivisionError):
            tasks.deliver(here)
