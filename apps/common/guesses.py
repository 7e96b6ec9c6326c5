"""Limits on guessing a secret: a few free tries, then pauses that grow.

Counted in the cache. Without its server each process counts for itself, so that guessing stays
slow and nobody is locked out.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache

from apps.common.cache import count_up

ALIVE_KEY: Final = "guesses:alive"
ALIVE_SECONDS: Final = 60

_own: Final = LocMemCache("guesses", {"OPTIONS": {"MAX_ENTRIES": 20_000}})


@dataclass(frozen=True, kw_only=True)
class GuessLimit:
    """`free` tries, of which the last starts a pause of `first` seconds; each later try starts one
    twice as long as the one before, up to `longest`. Forgotten after `memory` seconds without one.
    """

    free: int
    first: int
    longest: int
    memory: int = 24 * 3600

    def pause(self, level: int) -> int:
        return int(min(self.longest, self.first * 2 ** min(level, 30)))


def guess_wait(key: str, *, limit: GuessLimit, now: float) -> int:
    """Count a try; returns 0 if it may be made, else the seconds until the next one (not counted).

    `now` in seconds since the epoch. However many arrive at once, only one gets the try at the end
    of a pause.
    """
    store = _store()
    level = store.get(f"{key}:level")
    if level is None:
        if _count(store, f"{key}:tries", limit.memory) < limit.free:
            return 0
        level = 0
    until = float(store.get(f"{key}:until") or 0)
    if now < until:
        return math.ceil(until - now)
    # The pause that has just ended names the try; the process that writes its name first makes it.
    if not store.add(f"{key}:after:{until}", 1, limit.memory):
        return limit.pause(level)
    # In this order: a process that reads the new level reads the new pause after it.
    store.set(f"{key}:until", now + limit.pause(level), limit.memory)
    store.set(f"{key}:level", level + 1, limit.memory)
    return 0


def guesses_forget(key: str) -> None:
    """The right answer came: the next wrong one is the first."""
    store = _store()
    for name in ("level", "until", "tries", f"after:{0.0}"):
        store.delete(f"{key}:{name}")


def _store() -> Any:
    """The cache if it keeps what it is given, else this process's own memory."""
    if cache.get(ALIVE_KEY) is None:
        cache.set(ALIVE_KEY, 1, ALIVE_SECONDS)
        if cache.get(ALIVE_KEY) is None:
            return _own
    return cache


def _count(store: Any, key: str, seconds: int) -> int:
    if store is _own:
        store.add(key, 0, seconds)
        return int(store.incr(key))
    return count_up(key, seconds=seconds)
