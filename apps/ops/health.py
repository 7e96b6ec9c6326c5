"""Whether this process can reach what it needs."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

REDIS_TIMEOUT_SECONDS = 1.0


def check_health() -> dict[str, bool]:
    """Reachability of each service by name. Never raises; failures are logged."""
    return {
        "database": _holds(_reach_database, Error),
        "redis": _holds(_reach_redis, RedisError),
    }


def _holds(reach: Callable[[], None], failure: type[Exception]) -> bool:
    try:
        reach()
    except failure as error:
        logger.warning("Health check %s failed: %s", reach.__name__.lstrip("_"), error)
        return False
    return True


def _reach_database() -> None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1")


def _reach_redis() -> None:
    with Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    ) as client:
        client.ping()
