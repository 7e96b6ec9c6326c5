"""Connections of the one client for requests of ours: whom they lead to, and for how long.

Used by `apps.common.http.HttpClient`, and for e-mail by `apps.common.mail`, alone
(`tests/common/test_outgoing.py`).
"""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from queue import Empty, SimpleQueue
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from apps.common.answers import AddressRefused, Limits
from apps.common.peers import is_public

HTTPS_PORT: Final = 443
SLICE: Final = 1 << 14  # bytes sent before the clock is looked at again


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Moments of the monotonic clock, and the longest silence in seconds."""

    connected: float
    done: float
    silence: float


_deadline: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def until(limits: Limits) -> Iterator[None]:
    now = time.monotonic()
    ends = Deadline(connected=now + limits.connect, done=now + limits.whole, silence=limits.silence)
    token = _deadline.set(ends)
    try:
        yield
    finally:
        _deadline.reset(token)


def left(moment: float) -> float:
    """Seconds until then; raises TimeoutError when there are none."""
    seconds = moment - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("out of time")
    return seconds


def left_of_request() -> float:
    """Seconds that are left for what `until` is around; raises TimeoutError when there are none."""
    return left(_deadline.get().done)


def looked_up(host: str, port: int, *, seconds: float) -> list[Any]:
    """`getaddrinfo`, which knows no timeout: asked in a thread that is left behind if it hangs."""
    answer: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(OSError(f"{host} does not resolve: {error}"))

    threading.Thread(target=ask, daemon=True, name="look-up").start()
    try:
        found = answer.get(timeout=seconds)
    except Empty as error:
        raise TimeoutError(f"{host} does not resolve in time") from error
    if isinstance(found, OSError):
        raise found
    return list(found)


def connected(host: str, port: int, *, may_be_private: bool) -> socket.socket:
    """A connection to an address that was checked, of a name that was resolved once."""
    end = _deadline.get().connected
    places = looked_up(host.strip("[]"), port, seconds=left(end))
    for *_kind, address in places:
        check_peer(host, address[0], may_be_private=may_be_private)
    problem: OSError = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _name, address) in enumerate(places):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # a machine without IPv6
            problem = error
            continue
        try:
            connection.settimeout(left(end) / (len(places) - number))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
            check_peer(host, connection.getpeername()[0], may_be_private=may_be_private)
            connection.settimeout(left(end))  # for TLS
        except OSError as error:
            connection.close()
            problem = error
        except AddressRefused:
            connection.close()
            raise
        else:
            return connection
    raise problem


def certificate_end(host: str, *, limits: Limits) -> float:
    """When the certificate of https://host ends, in seconds since 1970.

    Raises `OSError` where nobody answers there or the certificate does not hold for the host.
    """
    tls = ssl.create_default_context()
    with (
        until(limits),
        connected(host, HTTPS_PORT, may_be_private=True) as plain,
        tls.wrap_socket(plain, server_hostname=host) as secure,
    ):
        facts = secure.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(facts["notAfter"])))


def check_peer(host: str, address: str, *, may_be_private: bool) -> None:
    if not may_be_private and not is_public(address):
        raise AddressRefused(f"{host} leads to {address}, which is not on the public internet.")


class _Reader(io.RawIOBase):
    """What comes in on a socket, until the request's time is over."""

    def __init__(self, connection: socket.socket, ends: Deadline) -> None:
        self._connection = connection
        self._ends = ends
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(min(left(self._ends.done), self._ends.silence))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, connection: Any, *args: Any, ends: Deadline, **kwargs: Any) -> None:
        super().__init__(connection, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(connection, ends))


class _Guarded:
    """Mixed into both kinds of connection."""

    may_be_private: Callable[[str], bool]

    def _new_conn(self: Any) -> socket.socket:
        host = f"[{self.host}]" if ":" in self.host else self.host  # as in `Target.place`
        allowed = type(self).may_be_private(f"{host}:{self.port}")
        return connected(self.host, self.port, may_be_private=allowed)

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        view = memoryview(data)
        for start in range(0, len(view), SLICE):
            self.sock.settimeout(left(_deadline.get().done))
            self.sock.sendall(view[start : start + SLICE])

    def getresponse(self: Any) -> Any:
        self.timeout = left(_deadline.get().done)
        self.response_class = partial(_Answer, ends=_deadline.get())
        return super().getresponse()  # type: ignore[misc]


def pools_for(may_be_private: Callable[[str], bool]) -> dict[str, Any]:
    """Classes of urllib3's pools whose connections ask `may_be_private(host:port)`."""
    guard = {"may_be_private": staticmethod(may_be_private)}
    plain = type("GuardedConnection", (_Guarded, HTTPConnection), guard)
    secure = type("GuardedTLSConnection", (_Guarded, HTTPSConnection), guard)
    return {
        "http": type("GuardedPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedTLSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
