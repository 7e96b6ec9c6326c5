"""What does not work, and until when it is left alone: providers, addresses, hosts of addresses.

Kept in the cache, for the whole platform: a provider is the same for every campus. Forgotten, it
costs one batch of failed tries. A provider that the operator chose is paused as a whole. Where
recipients choose the address (browsers name their push service), only that address is paused, and
its host once several addresses there fail and none works: nobody can stop the channel for others.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Seconds: the first pause, the longest one, and after how long without a try all is forgotten.

    Each failure in a row doubles the pause.
    """

    first: float
    longest: float
    kept: int


PROVIDER: Final = Rule(first=5.0, longest=300.0, kept=3600)
HOST: Final = PROVIDER
ADDRESS: Final = Rule(first=30.0, longest=6 * 3600.0, kept=24 * 3600)
ADDRESSES_PER_HOST: Final = 5  # that fail, each another one and none works: then it is the host


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


def address_name(address: str) -> str:
    """Not the address itself: anyone who knows it can send there."""
    return f"address:{hashlib.sha256(address.encode()).hexdigest()}"


def host_name(host: str) -> str:
    return f"host:{host}"


def trouble_of(*, name: str) -> Trouble | None:
    kept: dict[str, Any] | None = cache.get(_key(name))
    return Trouble(channel=name, **kept) if kept else None


def is_paused(*, name: str, now: datetime) -> bool:
    trouble = trouble_of(name=name)
    return trouble is not None and now < trouble.paused_until


def troubles_of(*, names: Iterable[str]) -> dict[str, Trouble]:
    """Those of these names that failed last, asked in one go."""
    keys = {_key(name): name for name in names}
    found: dict[str, Any] = cache.get_many(keys) if keys else {}
    return {keys[key]: Trouble(channel=keys[key], **kept) for key, kept in found.items() if kept}


def works(*, name: str) -> None:
    cache.delete(_key(name))


def all_work(*, names: Iterable[str]) -> None:
    if keys := [_key(name) for name in names]:
        cache.delete_many(keys)


def fails(
    *, name: str, error: str, retry_after: float | None, now: datetime, rule: Rule = PROVIDER
) -> datetime:
    """Leave it alone for a while, longer each time, and as long as it asked for; returns the end.

    One that is paused already failed in tries that began before: that is no reason to wait longer.
    """
    before = trouble_of(name=name)
    if before is not None and now < before.paused_until:
        return before.paused_until
    failures = before.failures + 1 if before else 1
    pause = min(rule.longest, rule.first * 2.0 ** min(failures - 1, 30))
    until = now + timedelta(seconds=max(pause, retry_after or 0.0))
    kept = {
        "since": before.since if before else now,
        "paused_until": until,
        "failures": failures,
        "error": error[:300],
    }
    cache.set(_key(name), kept, max(rule.kept, (until - now).total_seconds() * 2))
    return until


def host_fails(*, host: str, addresses: Iterable[str], error: str, now: datetime) -> bool:
    """Note which addresses of a host fail; returns whether the host is paused for that now."""
    key = _key(f"failing-at:{host}")
    failing = {*cache.get(key, []), *map(address_name, addresses)}
    cache.set(key, sorted(failing)[:ADDRESSES_PER_HOST], HOST.kept)
    if len(failing) < ADDRESSES_PER_HOST:
        return False
    fails(name=host_name(host), error=error, retry_after=None, now=now, rule=HOST)
    return True


def hosts_work(*, hosts: Iterable[str]) -> None:
    names = [name for host in hosts for name in (host_name(host), f"failing-at:{host}")]
    all_work(names=names)
