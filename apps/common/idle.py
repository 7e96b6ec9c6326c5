"""Values that a process keeps while they are used, and no longer."""

import threading
import time
from collections.abc import Collection
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class KeptWhileUsed(Generic[Key, Value]):
    """Forgets each value by itself, so many seconds after it was last put.

    Whoever reads and writes in one go holds `lock`.
    """

    def __init__(self, *, seconds: float) -> None:
        self.lock = threading.RLock()
        self._seconds = seconds
        self._values: dict[Key, Value] = {}
        self._used_at: dict[Key, float] = {}
        self._timer: threading.Timer | None = None

    def all_keys(self) -> list[Key]:
        return list(self._values)

    def get(self, key: Key, otherwise: Value) -> Value:
        return self._values.get(key, otherwise)

    def put(self, key: Key, value: Value) -> None:
        with self.lock:
            self._values[key], self._used_at[key] = value, time.monotonic()
            self.forget_idle()

    def forget(self, keys: Collection[Key]) -> None:
        with self.lock:
            for key in keys:
                self._values.pop(key, None)
                self._used_at.pop(key, None)

    def forget_idle(self) -> None:
        """Forget what is due, and look again when the next one is."""
        with self.lock:
            moment = time.monotonic()
            due = {key: used + self._seconds for key, used in self._used_at.items()}
            self.forget([key for key, then in due.items() if then <= moment])
            if self._timer is not None:
                self._timer.cancel()
            if self._values:
                wait = min(due[key] for key in self._values) - moment
                self._timer = threading.Timer(max(wait, 1.0), self.forget_idle)
                self._timer.daemon = True
                self._timer.start()
