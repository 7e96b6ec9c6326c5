"""E-mail to the operator's server: as for every request of ours, the whole of it has an end.

Python's client waits as long for each line of an answer as it is told to wait at all: a server
that drips, or whose answer never ends, would keep a worker for ever, or fill its memory.
"""

import io
import smtplib
import socket
from typing import Any, Final

from django.core.mail.backends import smtp

from apps.common.answers import Limits
from apps.common.connections import connected, left_of_request, until

ANSWER_BYTES: Final = 1 << 16  # of one answer: a server lists a few dozen extensions
CLOSING: Final = Limits(connect=1.0, whole=2.0)  # for the word of farewell


class _Lines(io.RawIOBase):
    """What the server says, until the time of what we ask for is over."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        self.left = 0  # bytes that the present answer may still have

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.left <= 0:
            raise OSError("the answer is too large")
        self._connection.settimeout(left_of_request())
        count = self._raw.readinto(memoryview(buffer)[: self.left])
        self.left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSMTP(smtplib.SMTP):
    """Inside `until(…)` alone."""

    _lines: _Lines

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connected(host, port, may_be_private=True)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self._lines = _Lines(self.sock)  # type: ignore[arg-type]
            self.file = io.BufferedReader(self._lines)
        self._lines.left = ANSWER_BYTES
        return super().getreply()

    def send(self, s: Any) -> None:
        if self.sock:
            try:
                self.sock.settimeout(left_of_request())
            except TimeoutError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(str(error)) from error
        super().send(s)


class _TimedTLS(smtplib.SMTP_SSL, _TimedSMTP):
    """TLS from the first byte."""


class TimedBackend(smtp.EmailBackend):
    """Django's, with EMAIL_TIMEOUT for connecting and signing in, and for each e-mail, as a whole.

    What takes longer is `SMTPServerDisconnected`, or `TimeoutError` before there is a connection.
    """

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TimedTLS if self.use_ssl else _TimedSMTP

    def _limits(self) -> Limits:
        seconds = float(self.timeout or 0) or Limits.whole
        return Limits(connect=min(Limits.connect, seconds), whole=seconds)

    def open(self) -> bool | None:
        with until(self._limits()):
            return super().open()

    def _send(self, email_message: Any) -> bool:
        with until(self._limits()):
            return bool(super()._send(email_message))  # type: ignore[misc]  # not in the stubs

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        with until(CLOSING):
            super()._close_connection(connection)  # type: ignore[misc]  # likewise
