"""Signs of life of workers, beat and queues, kept in Valkey for the whole installation."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from apps.common.cache import ask_server

KEY: Final = "campus:heartbeats"
EVERY_SECONDS: Final = 10.0
SILENT_AFTER_SECONDS: Final = 60.0  # workers and beat: six signs are missing
QUEUE_SILENT_AFTER_SECONDS: Final = 300.0  # a queue's own sign waits behind its work
FORGOTTEN_AFTER_SECONDS: Final = 3600.0
BEAT: Final = "beat"

_last: dict[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """When `name` last gave a sign (seconds since 1970), and for a worker which queues it takes."""

    name: str
    at: float
    queues: tuple[str, ...] = ()

    def silent_for(self, *, now: float) -> float:
        return max(0.0, now - self.at)

    @property
    def is_worker(self) -> bool:
        return self.name.startswith("worker:")


def beats(name: str, *, queues: Iterable[str] = (), at: float | None = None) -> None:
    """Note a sign of life, at most every ten seconds for each name."""
    moment = time.time() if at is None else at
    if moment - _last.get(name, 0.0) < EVERY_SECONDS:
        return
    _last[name] = moment
    value = json.dumps({"at": moment, "queues": list(queues)})
    ask_server(lambda client: client.hset(KEY, name, value), otherwise=None)


def heartbeats(*, now: float) -> list[Heartbeat] | None:
    """All that gave a sign within an hour, by name; None while Valkey does not answer."""
    kept: dict[bytes, bytes] | None = ask_server(lambda client: client.hgetall(KEY), otherwise=None)
    if kept is None:
        return None
    found = sorted((_read(name, value) for name, value in kept.items()), key=lambda beat: beat.name)
    old = [beat.name for beat in found if beat.silent_for(now=now) > FORGOTTEN_AFTER_SECONDS]
    gone = [name for name in old if name.startswith("worker:")]
    if gone:
        ask_server(lambda client: client.hdel(KEY, *gone), otherwise=None)
    return [beat for beat in found if beat.name not in gone]


def all_live(*, queues: Iterable[str], since: float) -> bool:
    """Whether beat, and a worker for each of the queues, gave a sign since (seconds since 1970)."""
    found = [beat for beat in heartbeats(now=time.time()) or () if beat.at >= since]
    taken = {queue for beat in found for queue in beat.queues}
    return taken >= set(queues) and any(beat.name == BEAT for beat in found)


def _read(name: bytes, value: bytes) -> Heartbeat:
    kept: dict[str, Any] = json.loads(value)
    return Heartbeat(name=name.decode(), at=float(kept["at"]), queues=tuple(kept["queues"]))
