"""An image store that drips, never ends, or says nothing."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile

from apps.common.answers import Limits
from apps.common.s3 import AUTHORITIES, PROXIES, TimedS3Storage
from apps.tenants.storage import StorageUnavailable, as_os_error
from tests.common.test_outgoing import Talk, silent, talking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Quick(TimedS3Storage):
    limits = Limits(connect=0.5, whole=0.6, silence=0.5, body=1 << 16)


def store_at(place: str, *, scheme: str = "http") -> TimedS3Storage:
    return Quick(
        bucket_name="b",
        endpoint_url=f"{scheme}://{place}",
        region_name="us-east-1",
        access_key="x",
        secret_key="y",
        file_overwrite=True,
        client_config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


@pytest.fixture(autouse=True)
def _as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES + AUTHORITIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def answering(start: bytes, drop: bytes, pause: float) -> Talk:
    """HEAD is answered at once; everything else by `start`, and `drop` again and again."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        while asked := connection.recv(65536):
            if asked.startswith(b"HEAD"):
                connection.sendall(HEAD)
                continue
            connection.sendall(start)
            while not over.wait(pause):
                connection.sendall(drop)
            return

    return talk


SLOW = {
    "drips": answering(OK + b"Content-Length: 5000\r\n\r\n", b"x", 0.02),
    "drips in chunks": answering(OK + CHUNKED, b"1\r\nx\r\n", 0.02),
    "never ends": answering(OK + b"\r\n", b"x" * 4096, 0),
    "never ends in chunks": answering(OK + CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n", 0),
    "has no end of headers": answering(OK, b"X: y\r\n", 0.02),
    "is too large": answering(OK + b"Content-Length: 500000\r\n\r\n", b"x" * 4096, 0),
    "says nothing": silent,
}


def tries(store: TimedS3Storage) -> Iterator[Any]:
    yield lambda: store.open("snapshots/a").read()
    yield lambda: list(store.bucket.objects.all())
    yield lambda: store.save("snapshots/a", ContentFile(b"x"))
    yield lambda: store.delete("snapshots/a")


@pytest.mark.parametrize("talk", SLOW.values(), ids=SLOW.keys())
def test_what_never_comes_to_an_end_is_away(talk: Talk) -> None:
    with talking(talk) as place:
        for attempt in tries(store_at(place)):
            began = time.monotonic()
            with pytest.raises(StorageUnavailable), as_os_error():
                attempt()
            assert time.monotonic() - began < 4


def test_redirects_are_not_followed_to_other_machines() -> None:
    asked: list[bytes] = []

    def elsewhere(connection: socket.socket, _over: threading.Event) -> None:
        asked.append(connection.recv(65536))

    def talk(connection: socket.socket, _over: threading.Event) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 307 Moved\r\nLocation: http://{other}/x\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    refused = pytest.raises((BotoCoreError, ClientError))
    with talking(elsewhere) as other, talking(talk) as place, refused:
        store_at(place).bucket.Object("a").get()
    assert asked == []


def test_what_is_sent_is_what_was_signed() -> None:
    """The body whole, with its length, and no word of boto3's own way to send it."""
    heard: list[bytes] = []

    def talk(connection: socket.socket, _over: threading.Event) -> None:
        text = b""
        while b"\r\n\r\n" not in text:
            text += connection.recv(65536)
        head, _end, body = text.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length
        while len(body) < int(length[1]):
            body += connection.recv(65536)
        heard.extend((head, body))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with talking(talk) as place:
        store_at(place).bucket.Object("a b~ü").put(Body=b"content")
    head, body = heard
    assert head.startswith(b"PUT /b/a%20b~%C3%BC HTTP/1.1")
    assert b"AWS4-HMAC-SHA256" in head
    assert b"Expect" not in head
    assert b"Transfer-Encoding" not in head
    assert b"content" in body


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "AWS_CA_BUNDLE"])
def test_with_a_proxy_or_an_authority_of_its_own_boto3_sends_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[Any] = []

    def sender(limits: Limits) -> Any:
        called.append(limits)
        return lambda **_: None

    monkeypatch.setattr("apps.common.s3.sender", sender)
    (tmp_path / "bundle").write_text("")
    monkeypatch.setenv(name, str(tmp_path / "bundle"))
    assert store_at("127.0.0.1:1", scheme="https").connection is not None
    assert called == []
    store_at("127.0.0.1:1").connection  # noqa: B018  (made when it is asked for)
    assert bool(called) == ("CA" in name)
