"""A driver connection that does not wait for ever."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors

from apps.common.circuit_breaker import CircuitBreaker
from apps.common.postgresql.pipeline import GatheringPipeline
from apps.common.postgresql.pulse import Pulse

PAUSE_SECONDS: Final = 2.0  # between tries to reach a server that did not answer
# A wait that is longer asks whether the server lives; few of our statements are.
ASK_AFTER_SECONDS: Final = 0.5
_INTERVAL_SECONDS: Final = 0.1

# One of each for the process: all aliases lead to one server. The breaker opens by silence only: a
# server that is down refuses at once and may be asked again.
circuit_breaker = CircuitBreaker(pause=PAUSE_SECONDS, longest_try=5.0)
pulse = Pulse()


class PatientConnection(psycopg.Connection[Any]):
    """Gives up, and closes itself, when the server hangs, or after `patience` seconds.

    The server's own limits (statement_timeout) end what takes too long while it works. This is for
    the server that was stopped or cut off: TCP does not notice the first, and over a unix socket
    nobody notices the second.
    """

    patience: float | None = None  # None: as long as it takes
    behind_pooler: bool | None = None  # None: not asked yet
    alone: bool = False  # its silence says nothing of the server that everything needs

    def wait(
        self, gen: Any, interval: float = _INTERVAL_SECONDS, timeout: float | None = None
    ) -> Any:
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + self.patience
        while True:
            left = until - time.monotonic()
            try:
                return super().wait(gen, interval, min(left, ASK_AFTER_SECONDS))
            except errors._WaitTimeout as silence:
                if left <= ASK_AFTER_SECONDS or not self._server_lives():
                    raise self._given_up() from silence

    @contextmanager
    def gathering(self) -> Generator[None]:
        """psycopg's `pipeline()`, with one that gathers."""
        self._pipeline = pipeline = GatheringPipeline(self)
        try:
            with pipeline:
                yield
        finally:
            self._pipeline = None

    def _server_lives(self) -> bool:
        return self.alone or (not circuit_breaker.is_open and pulse.beats(self))

    def _given_up(self) -> errors.OperationalError:
        if not self.alone:
            circuit_breaker.failed()
        self.pgconn.finish()
        return errors.OperationalError("PostgreSQL did not answer.")

    @contextmanager
    def waiting_at_most(self, seconds: float | None) -> Generator[None]:
        before, self.patience = self.patience, seconds
        try:
            yield
        finally:
            self.patience = before
