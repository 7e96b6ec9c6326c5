"""One beat at a time: a lease in Valkey, and when each entry of the schedule last ran.

Not a lock of PostgreSQL: one of a session is lost or left behind where PgBouncer shares sessions.
What beat sends goes through Valkey, so without it there is nothing to decide about.
"""

import logging
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

from apps.common.cache import ask_server

logger = logging.getLogger(__name__)

KEY: Final = "campus:beat:lease"
RUNS: Final = "campus:beat:runs"
TAKEN, KEPT = 1, 2
# Takes a free lease, or makes ours longer; 0 where it is another's.
_TAKE: Final = """
    local holder = redis.call('GET', KEYS[1])
    if holder and holder ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return holder and 2 or 1
"""
_GIVE_BACK: Final = """
    if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class BeatLease:
    """The right to send what is due, for `settings.BEAT_LEASE_SECONDS` at a time."""

    def __init__(self, name: str = "") -> None:
        self.name = name or f"{platform.node()}/{os.getpid()}/{os.urandom(4).hex()}"

    def take(self) -> int:
        """TAKEN where it was free, KEPT where it was ours; 0: another's, or no answer."""
        milliseconds = int(settings.BEAT_LEASE_SECONDS * 1000)
        return int(_run(_TAKE, self.name, milliseconds) or 0)

    def give_back(self) -> None:
        _run(_GIVE_BACK, self.name)

    @staticmethod
    def holder() -> str:
        """The name of the beat that has it; "" for none."""
        found: bytes | None = ask_server(lambda client: client.get(KEY), otherwise=None)
        return found.decode() if found else ""


def _run(script: str, *arguments: Any) -> Any:
    return ask_server(lambda client: client.eval(script, 1, KEY, *arguments), otherwise=None)


def note_run(name: str, *, at: datetime) -> None:
    """The entry of the schedule was sent then."""
    ask_server(lambda client: client.hset(RUNS, name, at.isoformat()), otherwise=None)


def last_runs() -> Mapping[str, datetime]:
    """When each entry was last sent, by whichever beat."""
    kept: dict[bytes, bytes] = ask_server(lambda client: client.hgetall(RUNS), otherwise={})
    return {
        name.decode(): datetime.fromisoformat(value.decode()).astimezone(UTC)
        for name, value in kept.items()
    }
