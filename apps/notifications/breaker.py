"""Which providers do not work, and until when they are left alone.

Kept in the cache, for the whole platform: a provider is the same for every campus. Forgotten, it
costs one batch of failed tries.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache

FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0
KEPT_SECONDS: Final = 3600  # a provider that nobody tried for an hour is not called down


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A provider that failed whole batches, `failures` in a row."""

    channel: str
    since: datetime
    paused_until: datetime
    failures: int
    error: str


def _key(name: str) -> str:
    return f"notifications:down:{name}"


def trouble_of(*, name: str) -> Trouble | None:
    kept: dict[str, Any] | None = cache.get(_key(name))
    return Trouble(channel=name, **kept) if kept else None


def is_paused(*, name: str, now: datetime) -> bool:
    trouble = trouble_of(name=name)
    return trouble is not None and now < trouble.paused_until


def works(*, name: str) -> None:
    cache.delete(_key(name))


def fails(*, name: str, error: str, retry_after: float | None, now: datetime) -> None:
    """Leave the provider alone for a while, longer each time, and as long as it asked for."""
    before = trouble_of(name=name)
    failures = before.failures + 1 if before else 1
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1))
    kept = {
        "since": before.since if before else now,
        "paused_until": now + timedelta(seconds=max(pause, retry_after or 0.0)),
        "failures": failures,
        "error": error[:300],
    }
    cache.set(_key(name), kept, KEPT_SECONDS)
