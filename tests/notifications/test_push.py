"""Phones: FCM's protocol, checked by a server that verifies signatures and access tokens."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.common.http import HttpAnswer
from apps.notifications import circuit_breaker
from apps.notifications.channels.fcm import refusal
from apps.notifications.models import Delivery, PushToken
from apps.notifications.selectors import channels_down
from tests.factories import Cast, make_student
from tests.notifications.providers import Answer, Firebase, fcm_error
from tests.notifications.support import deliver, phone, states, tell


@pytest.fixture
def firebase(settings: Any, tmp_path: Path) -> Iterator[Firebase]:
    with Firebase().running() as server:
        settings.FCM_URL = server.url
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
        settings.FCM_CREDENTIALS_FILE = str(server.write_credentials(tmp_path))
        yield server


def only() -> Delivery:
    return Delivery.objects.get(channel="push")


@pytest.fixture
def told(in_campus: Cast, firebase: Firebase, now: datetime) -> PushToken:
    """A message waits for the student's phone."""
    token = phone(in_campus.student.user)
    tell(in_campus.student.user, now=now, data={"course": 7})
    return token


def test_a_phone_gets_the_message(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    assert deliver(in_campus.campus, "push", now) == 1
    message = firebase.heard[-1].json["message"]
    delivery = only()
    tag = delivery.pk.hex
    assert message["token"] == told.token
    assert message["notification"] == {"title": "Your attendance is low", "body": "CS201: 68 %"}
    assert message["data"] == {"course": "7", "kind": "attendance_warning", "tag": tag}
    assert message["android"]["notification"]["tag"] == tag
    assert message["apns"]["headers"]["apns-collapse-id"] == tag
    assert (delivery.status, delivery.attempts, delivery.sent_at) == ("sent", 1, now)
    assert delivery.provider_id.startswith("projects/campus-test/messages/")


def test_more_than_a_batch_is_split_under_one_access_token(
    in_campus: Cast, firebase: Firebase, now: datetime, settings: Any
) -> None:
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "BATCH": 5}
    users = [make_student().user for _ in range(12)]
    for user in users:
        phone(user)
    tell(*users, now=now)
    assert deliver(in_campus.campus, "push", now) == 12
    assert sorted(firebase.received.values()) == [1] * 12
    assert firebase.tokens_given == 1


def test_an_access_token_that_was_revoked_is_fetched_again(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    deliver(in_campus.campus, "push", now)
    firebase.tokens_given += 1  # what we hold is no longer valid
    tell(in_campus.student.user, now=now, key="second")
    assert deliver(in_campus.campus, "push", now) == 1
    assert firebase.received[told.token] == 2


@pytest.mark.parametrize(
    "error",
    [
        fcm_error(404, "UNREGISTERED", "Requested entity was not found."),
        fcm_error(403, "SENDER_ID_MISMATCH", "SenderId mismatch"),
        fcm_error(
            400,
            "INVALID_ARGUMENT",
            "The registration token is not a valid FCM registration token",
        ),
        fcm_error(
            400,
            "INVALID_ARGUMENT",
            "Request contains an invalid argument.",
            details=[{"fieldViolations": [{"field": "message.token"}]}],
        ),
    ],
)
def test_a_token_that_is_no_good_is_retired(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime, error: Answer
) -> None:
    firebase.script.append(error)
    assert deliver(in_campus.campus, "push", now) == 0
    assert only().status == "dead"
    assert not PushToken.objects.exists()


def test_a_message_that_is_no_good_costs_nobody_their_token(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    firebase.script.append(fcm_error(400, "INVALID_ARGUMENT", "Message too big"))
    deliver(in_campus.campus, "push", now)
    assert only().status == "dead"
    assert "Message too big" in only().error
    assert PushToken.objects.get() == told


def test_too_many_requests_wait_as_long_as_asked(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    slow = fcm_error(429, "QUOTA_EXCEEDED", "Quota exceeded", headers={"Retry-After": "600"})
    firebase.script.append(slow)
    deliver(in_campus.campus, "push", now)
    assert only().status == "failed"
    assert only().next_try_at == now + timedelta(seconds=600)
    assert deliver(in_campus.campus, "push", now + timedelta(seconds=599)) == 0
    assert deliver(in_campus.campus, "push", now + timedelta(seconds=600)) == 1
    assert only().attempts == 2


def test_a_provider_that_is_down_is_left_alone_and_named(
    in_campus: Cast, firebase: Firebase, now: datetime, settings: Any
) -> None:
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "BATCH": 2}
    users = [make_student().user for _ in range(6)]
    for user in users:
        phone(user)
    tell(*users, now=now)
    firebase.script.extend([fcm_error(503, "UNAVAILABLE", "The server is overloaded.")] * 2)
    assert deliver(in_campus.campus, "push", now) == 0
    # One batch was tried; the others keep all their tries.
    assert sorted(status for _user, status in states("push")) == ["failed"] * 2 + ["waiting"] * 4
    assert channels_down() == ["push"]
    assert circuit_breaker.is_paused(name="push", now=now)
    assert deliver(in_campus.campus, "push", now) == 0
    assert len(firebase.heard) == 3  # the access token and two messages
    assert deliver(in_campus.campus, "push", now + timedelta(minutes=2)) == 6
    assert channels_down() == []


def test_nobody_answers(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime, settings: Any
) -> None:
    settings.FCM_URL = "http://127.0.0.1:1"
    deliver(in_campus.campus, "push", now)
    assert only().status == "failed"
    assert channels_down() == ["push"]


def test_credentials_that_are_refused_throw_no_message_away(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime, settings: Any
) -> None:
    path = Path(settings.FCM_CREDENTIALS_FILE)
    path.write_text(path.read_text().replace("messages@", "somebody@"))
    deliver(in_campus.campus, "push", now)
    assert only().status == "failed"
    assert channels_down() == ["push"]


def test_it_is_given_up_in_the_end(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime, settings: Any
) -> None:
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "MAX_ATTEMPTS": 3}
    firebase.script.extend([fcm_error(503, "UNAVAILABLE", "no")] * 3)
    for day in range(3):
        assert only().status in ("waiting", "failed")
        deliver(in_campus.campus, "push", now + timedelta(days=day))
    assert (only().status, only().attempts) == ("dead", 3)
    assert "UNAVAILABLE" in only().error


def test_a_device_that_registered_again_is_reached_under_its_new_token(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    PushToken.objects.update(token="renewed")
    deliver(in_campus.campus, "push", now)
    assert firebase.received == {"renewed": 1}


def test_a_device_that_was_removed_meanwhile_is_given_up(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    told.delete()
    deliver(in_campus.campus, "push", now)
    assert only().status == "dead"
    assert firebase.received == {}


def test_a_batch_of_a_lost_worker_is_sent_again_when_its_lease_ends(
    in_campus: Cast, firebase: Firebase, told: PushToken, now: datetime
) -> None:
    Delivery.objects.filter(channel="push").update(
        status="sending", next_try_at=now + timedelta(seconds=120), attempts=1
    )
    assert deliver(in_campus.campus, "push", now + timedelta(seconds=119)) == 0
    assert deliver(in_campus.campus, "push", now + timedelta(seconds=120)) == 1
    assert only().attempts == 2


def test_an_answer_that_is_not_json_is_understood_by_its_status() -> None:
    answer = HttpAnswer(status=502, headers={}, body=b"<html>Bad gateway</html>")
    assert refusal(answer).status.value == "down"


def test_a_token_endpoint_that_is_down_is_asked_once_and_by_our_client(
    in_campus: Cast,
    firebase: Firebase,
    told: PushToken,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """google-auth would wait and ask again, in the middle of the batch."""
    monkeypatch.setattr(firebase, "is_scripted", lambda _request: True)
    firebase.script.extend([Answer(503, {"error": "internal_failure"})] * 5)
    deliver(in_campus.campus, "push", now)
    assert [request.path for request in firebase.heard] == ["/token"]
    assert only().status == "failed"
    assert channels_down() == ["push"]
