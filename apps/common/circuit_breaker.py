"""Not asking a server again for a while after it did not answer."""

import threading
import time
from typing import Final

_CLOSED: Final = 0.0


class CircuitBreaker:
    """Open for `pause` seconds after a failure; then one caller tries, others go on without.

    A call to a server that hangs takes as long as its timeout. With a circuit breaker one call in a
    process waits for it, not each call of each request. `longest_try`: a try's most seconds.
    """

    def __init__(self, *, pause: float, longest_try: float) -> None:
        self.pause = pause
        self.longest_try = longest_try
        self._until = _CLOSED
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._until

    def allows(self) -> bool:
        """Whether to try the server now. The caller then reports `worked()` or `failed()`."""
        if self._until == _CLOSED:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + self.longest_try
            return True

    def worked(self) -> None:
        if self._until != _CLOSED:
            self._until = _CLOSED

    def failed(self) -> None:
        self._until = time.monotonic() + self.pause
