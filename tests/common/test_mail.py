"""Mail servers that are slow, silent or never come to an end."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage, get_connection

from apps.common.mail import ANSWER_BYTES, TimedBackend
from apps.notifications import channels
from apps.notifications.channels.base import OutgoingMessage, SendStatus
from tests.common.test_outgoing import Talk, silent, talking
from tests.ops.running import environment

ROOT = Path(__file__).resolve().parents[2]
HELLO, OK, DATA = b"220 there\r\n", b"250 OK\r\n", b"354 go on\r\n"


def until_then(*answers: bytes, drop: bytes, pause: float) -> Talk:
    """These answers, each to what was asked before it; then this, again and again."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        for number, answer in enumerate(answers):
            if number:
                connection.recv(65536)
            connection.sendall(answer)
        if answers:
            connection.recv(65536)
        while not over.wait(pause):
            connection.sendall(drop)

    return talk


def endless(*answers: bytes) -> Talk:
    return until_then(*answers, drop=b"250-" + b"x" * 900 + b"\r\n", pause=0)


def dripping(*answers: bytes) -> Talk:
    return until_then(*answers, drop=b"2", pause=0.05)


def slowly(*answers: bytes) -> Talk:
    """Line by line, none of them the last one."""
    return until_then(*answers, drop=b"250-x\r\n", pause=0.05)


AT = {
    "greeting": (),
    "hello": (HELLO,),
    "sender": (HELLO, OK),
    "recipient": (HELLO, OK, OK),
    "content": (HELLO, OK, OK, OK),
    "end": (HELLO, OK, OK, OK, DATA),
}


@pytest.fixture
def short(settings: Any) -> None:
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.EMAIL_TIMEOUT = 0.6


def use(settings: Any, place: str) -> None:
    host, _colon, port = place.partition(":")
    settings.EMAIL_HOST, settings.EMAIL_PORT = host, int(port)


def outgoing(number: int) -> OutgoingMessage:
    return OutgoingMessage(
        delivery_id=number, address="a@b.example", title="T", body="B", tag="m", kind="test"
    )


@pytest.mark.parametrize("kind", [endless, dripping, slowly])
@pytest.mark.parametrize("step", AT)
@pytest.mark.usefixtures("short")
def test_a_server_that_never_comes_to_an_end_is_down(step: str, kind: Any, settings: Any) -> None:
    began = time.monotonic()
    with talking(kind(*AT[step])) as place:
        use(settings, place)
        results = list(channels.channel("email").send_many([outgoing(1), outgoing(2)]))
    assert [result.status for _outgoing, result in results] == [SendStatus.DOWN] * 2
    assert time.monotonic() - began < 6  # with the farewell, which has two seconds


@pytest.mark.usefixtures("short")
def test_a_silent_server_is_down(settings: Any) -> None:
    with talking(silent) as place:
        use(settings, place)
        with pytest.raises(OSError, match="time"):
            get_connection().open()


@pytest.mark.usefixtures("short")
def test_an_answer_without_end_costs_no_memory(settings: Any) -> None:
    """However long one may wait for it."""
    settings.EMAIL_TIMEOUT = 60
    began = time.monotonic()
    with talking(endless()) as place:
        use(settings, place)
        with pytest.raises(OSError, match="too large"):
            get_connection().open()
    assert time.monotonic() - began < 10
    assert ANSWER_BYTES < 1 << 20


@pytest.mark.usefixtures("short")
def test_a_large_email_that_nobody_takes_has_an_end(settings: Any) -> None:
    def deaf(connection: socket.socket, over: threading.Event) -> None:
        for number, answer in enumerate((HELLO, OK, OK, OK, DATA)):
            if number:
                connection.recv(65536)
            connection.sendall(answer)
        over.wait()

    with talking(deaf) as place:
        use(settings, place)
        message = EmailMessage("S", "x" * (16 << 20), to=["a@b.example"])
        with pytest.raises(OSError):  # noqa: PT011  (time-out of whichever write)
            message.send()


def test_a_slow_server_does_not_outlast_the_lease(settings: Any) -> None:
    """Else another worker takes the batch over, and people get everything twice."""

    def slow(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(HELLO)
        while asked := connection.recv(65536):
            over.wait(0.2)
            connection.sendall(DATA if asked.startswith(b"data") else OK)

    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.NOTIFICATIONS = {**settings.NOTIFICATIONS, "LEASE_SECONDS": 2}
    with talking(slow) as place:
        use(settings, place)
        results = list(channels.channel("email").send_many([outgoing(n) for n in range(8)]))
    statuses = [result.status for _outgoing, result in results]
    assert statuses[0] is SendStatus.SENT
    assert statuses[-1] is SendStatus.RETRY
    assert statuses == sorted(statuses, key=lambda status: status is SendStatus.RETRY)


def test_production_sends_by_it() -> None:
    env = environment(
        DJANGO_SETTINGS_MODULE="campus.settings.production",
        SECRET_KEY="".join(chr(65 + number % 57) for number in range(60)),
        CAMPUS_MASTER_KEY=bytes(range(32)).hex(),
        ALLOWED_HOSTS="north.example",
        DATABASE_URL="postgresql://app@127.0.0.1:1/campus",
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    code = "from django.conf import settings; print(settings.EMAIL_BACKEND)"
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == f"{TimedBackend.__module__}.{TimedBackend.__name__}"
