"""The cache, kept apart per campus and harmless when its server does not answer."""

import logging
import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.db import transaction
from redis.exceptions import RedisError

from apps.common.circuit_breaker import CircuitBreaker
from apps.common.measures import count

logger = logging.getLogger(__name__)

T = TypeVar("T")

VERSION_SECONDS: Final = 24 * 3600
PAUSE_SECONDS: Final = 3.0  # without the server, after it did not answer
# One round trip, and no moment in which a counter stands without its end.
_COUNT_UP: Final = """
    local count = redis.call('INCRBY', KEYS[1], ARGV[2])
    if count == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
    return count
"""


# One for the process: cache, limits, sessions and the broker are the same server.
circuit_breaker = CircuitBreaker(pause=PAUSE_SECONDS, longest_try=1.0)


class OneClient(RedisCacheClient):
    """Django makes a Redis client per operation; making one costs more than the operation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clients: dict[bool, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        client = self._clients.get(write)
        if client is None:
            client = self._clients[write] = super().get_client(key, write=write)
        return client


class CampusCache(RedisCache):
    """Django's Redis cache, in which a lost server means a miss and not an error.

    Everything that is cached can be rebuilt from PostgreSQL; a check-in must not fail because
    Valkey restarts. What must not be lost is never kept here alone. A server that hangs costs
    one timeout (settings.redis_cache), not one for each call.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = OneClient

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        value = self._or(default, super().get, key, default, version)
        count("campus_cache_reads", "miss" if value is default else "hit")
        return value

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(None, super().set, *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(True, super().add, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(False, super().touch, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(False, super().delete, *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._or([], super().set_many, *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(None, super().delete_many, *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._or({}, super().get_many, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._or(False, super().has_key, *args, **kwargs)

    @staticmethod
    def _or(fallback: Any, call: Any, *args: Any, **kwargs: Any) -> Any:
        if not circuit_breaker.allows():
            return fallback
        try:
            answer = call(*args, **kwargs)
        except RedisError:
            circuit_breaker.failed()
            logger.warning("The cache did not answer; going on without it.")
            return fallback
        circuit_breaker.worked()
        return answer


def invalidate(key: str) -> None:
    """Drop a cached value now and again when the transaction has committed.

    Now, so that this transaction does not read it; afterwards, because another request may have
    cached the old value in between.
    """
    cache.delete(key)
    transaction.on_commit(partial(cache.delete, key))


def count_up(key: str, *, seconds: int, amount: int = 1) -> int:
    """Count an event in a fixed window of that many seconds; returns the count so far.

    Atomic across processes. Without the cache server it answers 1: limits rest, people do not.
    """
    return int(CampusCache._or(1, _count_up, key, seconds, amount))


def _count_up(key: str, seconds: int, amount: int) -> Any:
    return _client().eval(_COUNT_UP, 1, cache.make_and_validate_key(key), seconds, amount)


def ask_server(call: Callable[[Any], T], *, otherwise: T) -> T:
    """What `call(client)` says of the server's own client; `otherwise` while it does not answer.

    For what Django's cache has no word for. Nothing else takes the client: one wait for a server
    that is away is enough, and the circuit breaker sees to that.
    """
    answer: T = CampusCache._or(otherwise, lambda: call(_client()))
    return answer


def forget_values(pattern: re.Pattern[str]) -> int:
    """Delete every cached string in which the pattern is found, now and again when the transaction
    has committed; returns how many now.

    Again, because until then other requests read the old rows and may cache them. Lists and sets,
    which the broker keeps, hold ids only and are left alone. Where the server does not answer,
    what it holds is over within a day.
    """

    def forget(client: Any) -> int:
        gone = 0
        for key in client.scan_iter(count=1000, _type="string"):
            value = client.get(key) or b""
            if pattern.search(value.decode(errors="replace")):
                gone += client.delete(key)
        return gone

    transaction.on_commit(lambda: ask_server(forget, otherwise=0), robust=True)
    return ask_server(forget, otherwise=0)


def forget_campus(campus_id: int) -> int:
    """Delete what is cached under keys that name this campus; returns how many went.

    Keys say `:7:` for the campus of that number. What else has a 7 there is made again.
    """

    def forget(client: Any) -> int:
        own = f":{campus_id}:"
        gone = 0
        for key in client.scan_iter(count=1000):
            # After the prefix and the version that Django puts before every key.
            name = key.decode(errors="replace").split(":", 2)[-1]
            if own in f":{name}:":
                gone += client.delete(key)
        return gone

    return ask_server(forget, otherwise=0)


def _client() -> Any:
    return cache._cache.get_client(None, write=True)  # type: ignore[attr-defined]


def server_answers() -> bool:
    """Whether Redis answers, asked of it: before work that would wait for it much longer."""
    return bool(CampusCache._or(False, lambda: _client().ping()))


def touch(key: str) -> None:
    """Give a version key a new value when the transaction has committed."""
    transaction.on_commit(partial(_touch, key))


def _touch(key: str) -> None:
    cache.set(key, secrets.token_hex(8), VERSION_SECONDS)


def version(key: str) -> str:
    """The current value of a version key; a fresh one when the cache has lost it."""
    value = cache.get(key)
    if value is None:
        value = secrets.token_hex(8)
        cache.set(key, value, VERSION_SECONDS)
    return str(value)
