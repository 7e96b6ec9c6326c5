"""How long requests of a campus may wait for servers that the campus itself has named.

Threads that answer requests are few, and all campuses share them: a server that answers slowly, and
somebody who has it asked again and again, must not hold them all. Tasks wait as they like.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from apps.common.answers import NoAnswer
from apps.common.cache import count_up
from apps.tenants.scope import current_campus_id, is_for_request

WINDOW_SECONDS: Final = 60
MOST_SECONDS: Final = 24.0  # of waiting in a window, by all requests of a campus together
FREE_SECONDS: Final = 0.5  # of each: what takes no longer costs nothing
MILLISECONDS: Final = 1000


class WaitedEnough(NoAnswer):
    """The server was not asked: it may be well."""


@contextmanager
def waiting(longest: float) -> Iterator[None]:
    """Around asking such a server, which takes `longest` seconds at most.

    They are taken from what the campus has left and given back when it answers, but for those that
    it took; so they limit how many wait at once too. Raises `WaitedEnough` where too few are left.
    """
    if not is_for_request():
        yield
        return
    window = int(time.time()) // WINDOW_SECONDS
    key = f"waiting:{current_campus_id()}:{window}"
    if _add(key, longest) > MOST_SECONDS:
        _add(key, -longest)
        raise WaitedEnough("requests of this campus have waited long enough in this minute")
    started = time.monotonic()
    try:
        yield
    finally:
        took = max(0.0, time.monotonic() - started - FREE_SECONDS)
        _add(key, min(took, longest) - longest)


def _add(key: str, seconds: float) -> float:
    amount = round(seconds * MILLISECONDS)
    return count_up(key, seconds=2 * WINDOW_SECONDS, amount=amount) / MILLISECONDS
