"""Running a request again that PostgreSQL ended because of another one at the same moment.

Of two transactions that waited for each other one was rolled back whole; or one had looked for
what must be there once, found nothing, and then the other one was faster. Nothing is left of it,
and run again it finds the other one done and says what it always says then.
"""

from io import BytesIO
from typing import Any, Final

from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest

DEADLOCK: Final = "40P01"
LOCKED: Final = "55P03"  # `lock_timeout`
# The server lost its connection, is out of resources (a full disk), is shut down, or its files
# cannot be used: classes of SQLSTATE.
AWAY: Final = ("08", "53", "57P", "58")
# Where PostgreSQL says "permission denied" of a file, not of a table (42501): parts of its source.
FILES: Final = frozenset({"md.c", "fd.c", "smgr.c", "copydir.c", "relmapper.c"})
# A row that is there already, that is gone meanwhile, that overlaps another one.
OVERTAKEN: Final = ("23505", "23503", "23P01")
LONGEST_KEPT: Final = 10 * 1024 * 1024  # bytes of a body that can be read again
_PARSED: Final = ("_body", "_post", "_files", "_messages")


def is_deadlock(error: BaseException | None) -> bool:
    return _state(error, OperationalError) == DEADLOCK


def _state(error: BaseException | None, kind: type[Exception]) -> str:
    """SQLSTATE of an error of that kind, "" of others."""
    cause = error.__cause__ if isinstance(error, kind) else None
    return getattr(cause, "sqlstate", None) or ""


def is_overtaken(error: BaseException | None) -> bool:
    """Whether a constraint that looks at other rows ended it. A mistake of ours may do so too: it
    does again."""
    return _state(error, IntegrityError) in OVERTAKEN


def is_away(error: BaseException | None) -> bool:
    """Whether the server itself could not do it, whatever was asked for."""
    cause = getattr(error, "__cause__", None)
    if isinstance(error, InterfaceError):
        return True
    if isinstance(error, ProgrammingError):
        return getattr(getattr(cause, "diag", None), "source_file", "") in FILES
    state = _state(error, OperationalError)
    return isinstance(error, OperationalError) and (not state or state.startswith(AWAY))


class KeptBody:
    """The stream of a request's body, which keeps what was read of it."""

    def __init__(self, request: Any) -> None:
        self._stream = getattr(request, "_stream", None) or BytesIO()
        self._kept: list[bytes] = []
        self._size = 0
        request._stream = self

    def read(self, *size: int) -> bytes:
        return self._keep(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._keep(self._stream.readline(*size))

    def close(self) -> None:
        self._stream.close()

    def _keep(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size <= LONGEST_KEPT:
            self._kept.append(data)
        return data

    def rewind(self, request: Any) -> bool:
        """Let the request be read from its beginning; False where it was too long."""
        if self._size > LONGEST_KEPT:
            return False
        for name in _PARSED:
            vars(request).pop(name, None)
        request._read_started = False
        request._upload_handlers = []
        request._stream = _Again(b"".join(self._kept), self._stream)
        return True


class _Again:
    """What was read already, then what is left."""

    def __init__(self, read: bytes, stream: Any) -> None:
        self._read, self._stream = BytesIO(read), stream

    def read(self, *size: int) -> bytes:
        if not size or size[0] is None or size[0] < 0:
            return self._read.read() + bytes(self._stream.read())
        return self._read.read(*size) or bytes(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        line = self._read.readline(*size)
        if line.endswith(b"\n") or (size and len(line) >= size[0] >= 0):
            return line
        return line + bytes(self._stream.readline())

    def close(self) -> None:
        self._stream.close()


def note_failure(request: HttpRequest, error: BaseException) -> None:
    """By what turns exceptions into answers, for who may run the request again."""
    request.failed_with = error  # type: ignore[attr-defined]


def ended_by(request: HttpRequest) -> str:
    """What ended it as was noted, which is forgotten: deadlock, overtaken,
    locked (it held for too long what this one needs); away: the server itself; "": something else.
    """
    error = vars(request).pop("failed_with", None)
    if is_deadlock(error):
        return "deadlock"
    if _state(error, OperationalError) == LOCKED:
        return "locked"
    if is_away(error):
        return "away"
    return "overtaken" if is_overtaken(error) else ""
