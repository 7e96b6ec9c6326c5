"""A driver connection that does not wait for ever."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors

from apps.common.breaker import Breaker

PAUSE_SECONDS: Final = 2.0  # between tries to reach a server that did not answer
_INTERVAL_SECONDS: Final = 0.1

# One for the process: all aliases lead to one server. Opened by silence only: a server that is down
# refuses at once and may be asked again.
server_breaker = Breaker(pause=PAUSE_SECONDS)


class PatientConnection(psycopg.Connection[Any]):
    """Gives up, and closes itself, when the server has said nothing for `patience` seconds.

    The server's own limits (statement_timeout) end what takes too long while it works. This is for
    the server that was stopped or cut off: TCP does not notice the first, and over a unix socket
    nobody notices the second.
    """

    patience: float | None = None  # None: as long as it takes

    def wait(
        self, gen: Any, interval: float = _INTERVAL_SECONDS, timeout: float | None = None
    ) -> Any:
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except errors._WaitTimeout as silence:
            server_breaker.failed()
            self.pgconn.finish()
            message = f"PostgreSQL did not answer for {self.patience:g} seconds."
            raise errors.OperationalError(message) from silence

    @contextmanager
    def waiting_at_most(self, seconds: float | None) -> Generator[None]:
        before, self.patience = self.patience, seconds
        try:
            yield
        finally:
            self.patience = before
