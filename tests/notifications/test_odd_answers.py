"""Whatever a provider answers is one failed delivery: nothing is raised, nobody else waits."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from apps.common.http import Limits
from apps.notifications import channels
from apps.notifications.channels import web_push
from apps.notifications.channels.base import (
    Channel,
    OutgoingMessage,
    SendResult,
    SendStatus,
    bounded,
    storable,
)
from apps.notifications.models import Delivery
from tests.factories import Cast
from tests.notifications.providers import Browser
from tests.notifications.support import deliver, phone, tell
from tests.rsa_keys import rsa_key

QUICK = Limits(connect=1.0, whole=1.0, body=10_000)
CASE_50 = [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x"}}]
FCM_BODIES: list[Any] = [
    *([], {}, None, "text", 7, CASE_50),
    {"error": []},
    {"error": "text"},
    {"error": {"details": {"a": 1}}},
    {"error": {"details": [1, None, [], {"errorCode": []}], "message": ["m"]}},
    {"error": {"details": [{"errorCode": {}}], "status": [], "message": None}},
    {"error": {"details": [{"fieldViolations": 7}], "status": "INVALID_ARGUMENT", "message": {}}},
    {"error": {"details": [{"fieldViolations": ["x", {"field": []}]}], "status": 7}},
    {"error": {"status": "INVALID_ARGUMENT", "message": "a\0b\ud800"}},
    {"name": None},
    {"name": {"a": []}},
    {"name": "a\0b\ud800" + "x" * 1000},
    {"code": [], "message": {"a": 1}},
    {"code": "a\0b", "message": "\ud800"},
    {"sid": ["x"]},
    {"sid": "\0" * 300},
]
BODIES = [
    *(json.dumps(body).encode() for body in FCM_BODIES),
    *(b"", b"<html>Bad gateway</html>", b"\xff\xfe\x00", b"{", b"[" * 9_000, b"NaN"),
    *(b"1" * 9_000, b'"\\ud800"', b"x" * 20_000),
]
STATUSES = [200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 599]
HEADERS = [
    b"",
    b"Retry-After: 99999999999999999999999999\r\n",
    b"Retry-After: Mon, 01 Jan 9999 00:00:00 -0000\r\n",
    "Retry-After: \u00b2\r\n".encode("latin-1"),
    b"Retry-After: Mon, 99 Foo 20 99:99:99 +9999\r\n",
    b"Location: \xff\x00\xfe\r\n",
]
RAW = [b"", b"\r\n\r\n", b"not HTTP\r\n\r\n", b"HTTP/1.1 999999999999 X\r\n\r\n", b"HTTP/1.1 200"]


def answers() -> Iterator[bytes]:
    for number, body in enumerate(BODIES):
        for status in STATUSES:
            header = HEADERS[(number + status) % len(HEADERS)]
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n".encode()
            yield head + header + b"Connection: close\r\n\r\n" + body
    yield from RAW


ANSWERS = list(answers())


class Provider:
    """Gives the next answer to each request, byte by byte as it stands."""

    def __init__(self) -> None:
        self.place = ""
        self.token: bytes | None = None  # for requests of access tokens
        self.next: Callable[[], bytes] = lambda: b""
        self.lock = threading.Lock()

    def answer(self, request: bytes) -> bytes:
        with self.lock:
            if self.token is not None and request.startswith(b"POST /token"):
                return self.token
            return self.next()

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head, body = b"", b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            head, _end, body = head.partition(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(ln[15:]) for ln in lines if ln.startswith(b"content-length:"))
            while len(body) < length:
                body += connection.recv(65536)
            connection.sendall(self.answer(head))


@contextmanager
def provider() -> Iterator[Provider]:
    found = Provider()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    found.place = f"127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=found.serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def ok(body: Any) -> bytes:
    raw = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
    return head.encode() + raw


@pytest.fixture
def odd(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """Every channel of requests leads to this provider."""
    with provider() as found:
        url = f"http://{found.place}"
        key = rsa_key("service account")
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        credentials = tmp_path / "service-account.json"
        credentials.write_text(
            json.dumps(
                {
                    "project_id": "p",
                    "private_key": pem,
                    "client_email": "a@b.example",
                    "token_uri": f"{url}/token",
                }
            )
        )
        settings.OUTGOING_PRIVATE_ADDRESSES = [found.place]
        settings.FCM_URL, settings.FCM_CREDENTIALS_FILE = url, str(credentials)
        settings.SMS_BACKEND = "apps.notifications.channels.sms.TwilioBackend"
        settings.TWILIO_URL, settings.TWILIO_ACCOUNT_SID = url, "AC1"
        settings.TWILIO_AUTH_TOKEN, settings.TWILIO_FROM = "t", "+491511234567"
        settings.VAPID_PRIVATE_KEY = web_push.new_private_key()
        settings.VAPID_SUBJECT = "mailto:office@north.example"
        settings.WEB_PUSH_ORIGINS = [url]
        found.token = ok({"access_token": "t", "expires_in": 3600})
        channels._made.cache_clear()
        for name in ("push", "web_push", "sms"):
            monkeypatch.setattr(channels.channel(name).http, "_limits", QUICK)  # type: ignore[attr-defined]
        yield found
    channels._made.cache_clear()


def outgoing_messages(number: int, place: str) -> list[OutgoingMessage]:
    browser = Browser(f"http://{place}/push")
    keys = (browser.keys["p256dh"], browser.keys["auth"])
    return [
        OutgoingMessage(
            delivery_id=index,
            address=f"http://{place}/push/{index}",
            title="T",
            body="B",
            tag=f"m{index}",
            keys=keys,
        )
        for index in range(number)
    ]


@pytest.mark.parametrize("name", ["push", "web_push", "sms"])
def test_each_message_has_one_result_whatever_is_answered(odd: Provider, name: str) -> None:
    remaining = iter(ANSWERS)
    odd.next = lambda: next(remaining, b"")
    sent = outgoing_messages(len(ANSWERS), odd.place)
    send_results = list(channels.channel(name).send_many(sent))
    assert sorted(outgoing.delivery_id for outgoing, _send_result in send_results) == list(
        range(len(sent))
    )
    for _outgoing, send_result in send_results:
        text = send_result.error + send_result.provider_id
        assert "\0" not in text
        text.encode()
        assert send_result.retry_after is None or 0 <= send_result.retry_after <= 86_400


@pytest.mark.parametrize("body", [*FCM_BODIES, {"access_token": 7}, {"access_token": "a\nb"}])
@pytest.mark.parametrize("lasts", [3600, "soon", [], -1, 10**30])
def test_odd_access_tokens_fail_the_batch_and_raise_nothing(
    odd: Provider, body: Any, lasts: Any
) -> None:
    odd.token = ok({**body, "expires_in": lasts} if isinstance(body, dict) else body)
    send_results = list(channels.channel("push").send_many(outgoing_messages(2, odd.place)))
    assert [send_result.status for _outgoing, send_result in send_results] == [SendStatus.DOWN] * 2


def test_an_access_token_that_lasts_oddly_is_used(odd: Provider) -> None:
    for lasts in ("soon", [], None, -5, 10**400):
        channels._made.cache_clear()
        odd.token = ok({"access_token": "t", "expires_in": lasts})
        odd.next = lambda: ok({"name": "projects/p/messages/1"})
        ((_outgoing, send_result),) = channels.channel("push").send_many(
            outgoing_messages(1, odd.place)
        )
        assert send_result.status is SendStatus.SENT


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(0, len(ANSWERS), 11))
def test_the_outbox_keeps_one_failed_delivery(
    in_campus: Cast, odd: Provider, now: datetime, number: int
) -> None:
    """What was answered reaches the database, beside the delivery that went well."""
    student, mate = in_campus.student.user, in_campus.classmate.user
    phone(student)
    phone(mate)
    tell(student, mate, now=now)
    remaining = iter([ANSWERS[number]])
    odd.next = lambda: next(remaining, ok({"name": "projects/p/messages/1"}))
    deliver(in_campus.campus, "push", now)
    statuses = sorted(Delivery.objects.filter(channel="push").values_list("status", flat=True))
    assert "sending" not in statuses
    assert "sent" in statuses


def test_case_50_is_one_failed_delivery(odd: Provider) -> None:
    body = json.dumps(CASE_50).encode()
    odd.next = lambda: b"HTTP/1.1 400 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    ((_outgoing, send_result),) = channels.channel("push").send_many(
        outgoing_messages(1, odd.place)
    )
    assert send_result.status is SendStatus.REJECTED


# --- Mail ----------------------------------------------------------------------------------------

GREETING, CODES = b"220 x\r\n", (b"250 x\r\n", b"354 x\r\n", b"221 x\r\n")
SMTP_TALK = [
    [],
    [b"\xff\xfe\r\n"],
    [b"abc\r\n"],
    [b"220 " + b"x" * 20_000 + b"\r\n"],
    [GREETING, b"\xff\xff\r\n"],
    [GREETING, b"250-AUTH \xff\r\n250 \x00\r\n", b"999 x\r\n"],
    [GREETING, *CODES[:1] * 3, b"000 x\r\n"],
    [GREETING, *CODES[:1] * 3, b"354 x\r\n", b"x" * 20_000 + b"\r\n"],
    [GREETING, *CODES[:1] * 3, b"354 x\r\n", b"250 x\r\n", b"x" * 20_000 + b"\r\n"],
    [GREETING, *CODES[:1] * 3, b"354 x\r\n", b"250 x\r\n", b"\xff\r\n"],
]


@contextmanager
def smtp(lines: list[bytes]) -> Iterator[int]:
    """Says these lines, one for each that it hears, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                for line in lines:
                    connection.sendall(line)
                    if not connection.recv(65536):
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("lines", SMTP_TALK, ids=range(len(SMTP_TALK)))
def test_odd_mail_servers_raise_nothing(lines: list[bytes], settings: Any) -> None:
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.EMAIL_TIMEOUT = 2
    with smtp(lines) as port:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        sent = [
            OutgoingMessage(
                delivery_id=n, address="a@b.example", title="T", body="B", tag="m", kind="test"
            )
            for n in range(2)
        ]
        send_results = list(channels.channel("email").send_many(sent))
    assert [outgoing.delivery_id for outgoing, _send_result in send_results] == [0, 1]


def test_a_mail_backend_that_raises_anything_raises_nothing_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Backend:
        def open(self) -> None:
            raise AttributeError

        send_messages = close = open

    monkeypatch.setattr("apps.notifications.channels.email.get_connection", lambda **_: Backend())
    outgoing = OutgoingMessage(
        delivery_id=1, address="a@b.example", title="T", body="B", tag="m", kind="test"
    )
    ((_outgoing, send_result),) = channels.channel("email").send_many([outgoing])
    assert send_result.status is SendStatus.DOWN


# --- The frame of every channel ------------------------------------------------------------------


def test_a_channel_that_breaks_off_still_answers_for_each_message() -> None:
    class Broken(Channel):
        name = "broken"

        def try_many(
            self, outgoing_messages: list[OutgoingMessage]
        ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
            yield outgoing_messages[0], SendResult(status=SendStatus.SENT)
            yield outgoing_messages[0], SendResult(status=SendStatus.SENT)
            raise AttributeError

    send_results = list(Broken().send_many(outgoing_messages(3, "127.0.0.1:1")))
    assert [send_result.status for _outgoing, send_result in send_results] == [SendStatus.SENT] + [
        SendStatus.RETRY
    ] * 2


@pytest.mark.parametrize("value", [None, 7, [], {"a": 1}, b"x"])
def test_what_is_no_text_is_kept_as_none(value: Any) -> None:
    assert storable(value) == ""


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(None, None), (float("nan"), None), (float("inf"), None), (-5.0, 0.0), (1e20, 86_400.0)],
)
def test_waits_are_bounded(seconds: float | None, kept: float | None) -> None:
    assert bounded(seconds) == kept
