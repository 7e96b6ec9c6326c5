"""Leaving a server alone for a while after it did not answer."""

import threading
import time
from typing import Final

_CLOSED: Final = 0.0


class Breaker:
    """Open for `pause` seconds after a failure; then one caller tries, others go on without.

    Whoever asks a server that hangs waits for its timeout. With a breaker one caller in a process
    pays for that, not each call of each request.
    """

    def __init__(self, *, pause: float) -> None:
        self.pause = pause
        self._until = _CLOSED
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether to try the server now. Whoever tries says what came of it."""
        if self._until == _CLOSED:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + self.pause
            return True

    def worked(self) -> None:
        if self._until != _CLOSED:
            self._until = _CLOSED

    def failed(self) -> None:
        self._until = time.monotonic() + self.pause
