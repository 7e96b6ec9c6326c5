"""Whether this process can reach what it needs, said in time whatever hangs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DEFAULT_DB_ALIAS, Error, connections
from redis import Redis
from redis.exceptions import RedisError

from apps.biometrics.storage import image_exists
from apps.notifications.selectors import channels_down
from apps.tenants.master_key import MasterKeyRefused, recorded_value, refusal
from apps.tenants.schema import missing_in

logger = logging.getLogger(__name__)

ANSWER_WITHIN_SECONDS: Final = 1.0
REDIS_TIMEOUT_SECONDS: Final = 0.5
SCHEMA_GOOD_FOR_SECONDS: Final = 60.0
PROBED_KEY: Final = "readiness-probe"  # nothing lies there
DATABASE_CHECKS: Final = ("database", "schema", "key")

_lock = threading.Lock()
_running: dict[str, Future[Any]] = {}
_schema_seen: dict[str, float] = {}


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
    nothing = dict.fromkeys(DATABASE_CHECKS, False)
    database = _start("database", _look_at_database)
    redis = _start("redis", lambda: _holds(_reach_redis, RedisError))
    storage = _start("storage", lambda: _holds(_reach_storage, OSError))
    providers = _start("providers", channels_down)
    return Health(
        checks={
            **_answer("database", database, until=until, otherwise=nothing),
            "redis": _answer("redis", redis, until=until, otherwise=False),
            "storage": _answer("storage", storage, until=until, otherwise=False),
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


def _holds(reach: Callable[[], None], *failures: type[Exception]) -> bool:
    try:
        reach()
    except failures as error:
        logger.warning("Health check %s failed: %s", reach.__name__.lstrip("_"), error)
        return False
    return True


def _look_at_database() -> Mapping[str, bool]:
    """Each of DATABASE_CHECKS, over one connection, which is this thread's own."""
    found = dict.fromkeys(DATABASE_CHECKS, False)
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found["database"] = True
        found["key"] = key_is_right(connection)
        found["schema"] = _schema_is_complete(connection)
    except MasterKeyRefused as error:
        # The database answered, and this process must not work on it.
        logger.warning("Health check of the key failed: %s", error)
        found["database"] = True
    except Error as error:
        logger.warning("Health check of the database failed: %s", error)
    finally:
        connection.close()
    return found


def key_is_right(connection: Any) -> bool:
    """Whether the database was written under the given master key, or is changing to it."""
    recorded = recorded_value(connection.connection)
    return recorded is not None and refusal(connection.connection, recorded) is None


def _schema_is_complete(connection: Any) -> bool:
    """Compared anew once a minute while it is complete: it takes a twentieth of a second."""
    name = str(connection.settings_dict["NAME"])
    seen = _schema_seen.get(name)
    if seen is not None and time.monotonic() - seen < SCHEMA_GOOD_FOR_SECONDS:
        return True
    _schema_seen.pop(name, None)
    if missing := missing_in(connection):
        logger.warning("The schema lacks %d objects: see manage.py schema.", len(missing))
        return False
    _schema_seen[name] = time.monotonic()
    return True


def _reach_redis() -> None:
    with Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    ) as client:
        client.ping()


def _reach_storage() -> None:
    """Raises `OSError` where images can neither be looked up nor written."""
    if not isinstance(default_storage, FileSystemStorage):
        image_exists(PROBED_KEY)
        return
    folder = Path(default_storage.location)
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        message = "the folder of images cannot be written to"
        raise OSError(message)
