"""Whether this process can reach what it needs, said in time whatever hangs."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from redis import Redis
from redis.exceptions import RedisError

from apps.notifications.selectors import channels_down

logger = logging.getLogger(__name__)

ANSWER_WITHIN_SECONDS: Final = 1.0
REDIS_TIMEOUT_SECONDS: Final = 0.5

_lock = threading.Lock()
_running: dict[str, Future[Any]] = {}


@dataclass(frozen=True, kw_only=True)
class Health:
    """Reachability of each service by name, and the providers of messages that do not work."""

    checks: dict[str, bool]
    providers_down: list[str]


def check_health() -> Health:
    """Look at everything at once. Never raises; failures are logged.

    What has not answered in time counts as down. Its check goes on in its thread, and is the one
    that the next call waits for: a server that hangs costs one thread, not one each time.
    """
    until = time.monotonic() + ANSWER_WITHIN_SECONDS
    database = _start("database", lambda: _holds(_reach_database, Error))
    redis = _start("redis", lambda: _holds(_reach_redis, RedisError))
    providers = _start("providers", channels_down)
    return Health(
        checks={
            "database": _answer("database", database, until=until, otherwise=False),
            "redis": _answer("redis", redis, until=until, otherwise=False),
        },
        providers_down=_answer("providers", providers, until=until, otherwise=[]),
    )


def _start(name: str, look: Callable[[], Any]) -> Future[Any]:
    with _lock:
        running = _running.get(name)
        if running is not None and not running.done():
            return running
        found: Future[Any] = Future()
        _running[name] = found
        threading.Thread(target=_run, args=(found, look), daemon=True).start()
    return found


def _run(found: Future[Any], look: Callable[[], Any]) -> None:
    try:
        found.set_result(look())
    except BaseException as error:  # for the thread that waits for it
        found.set_exception(error)


def _answer(name: str, found: Future[Any], *, until: float, otherwise: Any) -> Any:
    try:
        return found.result(timeout=max(0.0, until - time.monotonic()))
    except TimeoutError:
        logger.warning("Health check of the %s has not ended in time.", name)
        return otherwise


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
