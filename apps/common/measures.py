"""What is counted and timed for monitoring, over all processes of the installation.

Counting adds to a table of this process. A thread adds the table to a hash in Valkey every few
seconds, so that any web process can show the sums of all web processes and workers. What a
process had not sent when it was killed is lost, and so is everything when Valkey is emptied, which
a monitoring system takes for a restart.
"""

import atexit
import logging
import os
import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

KEY: Final = "campus:measures"
SEND_EVERY_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 1.0
MOST_SERIES: Final = 20_000  # of this process between two sends: labels are few and known
SUM: Final = "sum"
COUNT: Final = "count"
SEPARATOR: Final = "\x1f"

QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A counter, or with `buckets` (upper bounds, seconds) a histogram."""

    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


FAMILIES: Final[dict[str, Family]] = {
    "campus_requests": Family(about="Answered requests.", labels=("method", "route", "status")),
    "campus_request_seconds": Family(
        about="From a request to its answer.", labels=("route",), buckets=QUICK
    ),
    "campus_check_ins": Family(
        about="Check-ins by outcome, at once and after the face.", labels=("outcome", "reason")
    ),
    "campus_check_in_factors": Family(
        about="Factors of judged check-ins: passed, failed, unknown.", labels=("factor", "result")
    ),
    "campus_redeem_delay_seconds": Family(
        about="Age of a code when it was redeemed.", buckets=(0.5, 1, 2, 3, 4, 5, 7.5, 10, 20)
    ),
    "campus_redeems": Family(
        about="Redeemed codes by refusal; none: a ticket.", labels=("refusal",)
    ),
    "campus_task_seconds": Family(
        about="Run time of tasks.", labels=("task", "state"), buckets=SLOW
    ),
    "campus_statements_slow": Family(about="Statements beyond SLOW_STATEMENT_SECONDS."),
    "campus_deadlocks": Family(about="Deadlocks; each is tried again once.", labels=("where",)),
    "campus_pool_requests": Family(
        about="Connections asked of the pool: given at once, waited for, refused.",
        labels=("result",),
    ),
    "campus_pool_wait_seconds": Family(about="Time spent waiting for the pool."),
    "campus_cache_reads": Family(about="Reads of the cache.", labels=("result",)),
    "campus_image_store_seconds": Family(
        about="Operations of the image store.", labels=("operation", "result"), buckets=QUICK
    ),
    "campus_files_damaged": Family(about="Read and did not open, by kind.", labels=("kind",)),
    "campus_face_seconds": Family(about="Embedding the faces of one image.", buckets=QUICK),
    "campus_camera_frames": Family(
        about="Frames of cameras: looked at, or dropped because the machine was behind.",
        labels=("camera", "result"),
    ),
    "campus_camera_sightings": Family(
        about="Faces of cameras by what became of them; dropped ones while the database was away.",
        labels=("camera", "result"),
    ),
    "campus_camera_delay_seconds": Family(
        about="From a frame to its sightings in the database.", labels=("camera",), buckets=SLOW
    ),
    "campus_camera_failures": Family(
        about="What went wrong without stopping a camera.", labels=("camera", "what")
    ),
    "campus_jobs": Family(about="Finished jobs: imports, reports.", labels=("kind", "result")),
    "campus_deliveries": Family(
        about="Tried deliveries of messages.", labels=("channel", "result")
    ),
}

Series = tuple[str, ...]  # family, part, labels


class _Table:
    """Of this process. Made anew in a forked child, whose parent sends what it had counted."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.values: dict[Series, float] = {}
        self.sending = False

    def add(self, *changes: tuple[Series, float]) -> None:
        with self.lock:
            for series, amount in changes:
                if series in self.values or len(self.values) < MOST_SERIES:
                    self.values[series] = self.values.get(series, 0.0) + amount
            if not self.sending:
                self.sending = True
                threading.Thread(target=self._send_for_ever, daemon=True, name="measures").start()

    def take(self) -> dict[Series, float]:
        with self.lock:
            taken, self.values = self.values, {}
        return taken

    def _send_for_ever(self) -> None:
        waiting = threading.Event()
        while not waiting.wait(SEND_EVERY_SECONDS):
            send()


_table = _Table()
_collectors: list[Callable[[], None]] = []


def _own() -> _Table:
    global _table
    if _table.pid != os.getpid():
        _table = _Table()
    return _table


def count(family: str, *labels: str, amount: float = 1.0) -> None:
    """Add to a counter; the labels in the order of its family."""
    _own().add(((family, COUNT, *labels), amount))


def observe(family: str, seconds: float, *labels: str) -> None:
    """Note a time in a histogram."""
    bounds = FAMILIES[family].buckets
    place = bisect_left(bounds, seconds)
    bucket = repr(float(bounds[place])) if place < len(bounds) else "+Inf"
    _own().add(((family, bucket, *labels), 1.0), ((family, SUM, *labels), seconds))


def before_sending(collect: Callable[[], None]) -> None:
    """`collect()` counts what is only known by asking, each time before the sums are sent."""
    if collect not in _collectors:
        _collectors.append(collect)


def _client() -> Any:
    limits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    return Redis.from_url(settings.REDIS_URL, **limits)


def send() -> bool:
    """Add what this process has counted to the installation's sums; kept if that fails."""
    for collect in _collectors:
        collect()
    table = _own()
    taken = table.take()
    if not taken:
        return True
    try:
        with _client() as client, client.pipeline(transaction=True) as pipe:
            for series, amount in taken.items():
                pipe.hincrbyfloat(KEY, SEPARATOR.join(series), amount)
            pipe.execute()
    except RedisError:
        table.add(*taken.items())
        return False
    return True


def sums() -> dict[Series, float]:
    """Over all processes; empty while Valkey does not answer."""
    send()
    try:
        with _client() as client:
            kept = client.hgetall(KEY)
    except RedisError:
        logger.warning("Measures cannot be read: Valkey does not answer.")
        return {}
    return {tuple(name.decode().split(SEPARATOR)): float(value) for name, value in kept.items()}


@atexit.register
def _send_the_rest() -> None:
    if _table.pid == os.getpid() and _table.values:
        send()
