"""Whether this process can reach what it needs, said in time whatever hangs."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

ANSWER_WITHIN_SECONDS: Final = 1.0
REDIS_TIMEOUT_SECONDS: Final = 0.5

_lock = threading.Lock()
_running: dict[str, Future[bool]] = {}


def check_health() -> dict[str, bool]:
    """Reachability of each service by name. Never raises; failures are logged.

    What has not answered in time counts as away. Its check goes on in its thread, and is the one
    that the next call waits for: a server that hangs costs one thread, not one each time.
    """
    until = time.monotonic() + ANSWER_WITHIN_SECONDS
    checks = {name: _start(name, *check) for name, check in _checks().items()}
    return {name: _answer(name, check, until=until) for name, check in checks.items()}


Check = tuple[Callable[[], None], type[Exception]]


def _checks() -> dict[str, Check]:
    return {"database": (_reach_database, Error), "redis": (_reach_redis, RedisError)}


def _start(name: str, reach: Callable[[], None], failure: type[Exception]) -> Future[bool]:
    with _lock:
        running = _running.get(name)
        if running is not None and not running.done():
            return running
        found: Future[bool] = Future()
        _running[name] = found
        threading.Thread(target=_run, args=(found, reach, failure), daemon=True).start()
    return found


def _run(found: Future[bool], reach: Callable[[], None], failure: type[Exception]) -> None:
    try:
        found.set_result(_holds(reach, failure))
    except BaseException as error:  # for whoever waits for it
        found.set_exception(error)


def _answer(name: str, check: Future[bool], *, until: float) -> bool:
    try:
        return check.result(timeout=max(0.0, until - time.monotonic()))
    except TimeoutError:
        logger.warning("Health check of the %s has not ended in time.", name)
        return False


def _holds(reach: Callable[[], None], failure: type[Exception]) -> bool:
    try:
        reach()
    except failure as error:
        logger.warning("Health check %s failed: %s", reach.__name__.lstrip("_"), error)
        return False
    return True


def _reach_database() -> None:
    connection = connections[DEFAULT_DB_ALIAS]  # this thread's own
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def _reach_redis() -> None:
    with Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    ) as client:
        client.ping()
