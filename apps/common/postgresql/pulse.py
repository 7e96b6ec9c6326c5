"""Whether the server is alive at all, found out beside a statement that takes long."""

import threading
import time
from concurrent.futures import Future
from typing import Any, Final

import psycopg

ANSWER_WITHIN_SECONDS: Final = 1.0
GOOD_FOR_SECONDS: Final = 2.0


class Pulse:
    """Asks for nothing over a new connection; one question at a time for the whole process.

    A slow statement and a server that hangs look alike from the connection that waits. Over another
    one the first kind of server answers at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None
        self._asked_at = 0.0

    def beats(self, connection: psycopg.Connection[Any]) -> bool:
        asked = self._ask(connection)
        try:
            return asked.result(timeout=ANSWER_WITHIN_SECONDS)
        except TimeoutError:
            return False

    def _ask(self, connection: psycopg.Connection[Any]) -> Future[bool]:
        with self._lock:
            now = time.monotonic()
            known = self._asked
            if known is not None and (not known.done() or now - self._asked_at < GOOD_FOR_SECONDS):
                return known
            asked: Future[bool] = Future()
            self._asked, self._asked_at = asked, now
            info = connection.info
            arguments = (asked, info.dsn, info.password)
            threading.Thread(target=_find_out, args=arguments, daemon=True).start()
        return asked


def _find_out(asked: Future[bool], address: str, password: str) -> None:
    secret: dict[str, Any] = {"password": password} if password else {}
    try:
        with psycopg.connect(address, autocommit=True, **secret) as another:
            another.execute("SELECT 1")
        asked.set_result(True)
    except psycopg.errors.ConnectionTimeout:
        asked.set_result(False)
    except psycopg.Error:
        asked.set_result(True)  # refused, but by somebody who lives; or gone, which all will notice
    except BaseException as error:
        asked.set_exception(error)
