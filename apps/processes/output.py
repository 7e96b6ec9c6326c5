"""The terminal of `up`: one line per message, each under the name of who wrote it."""

import os
import re
from collections.abc import Sequence
from typing import Final, Protocol

RESET = "\x1b[0m"
COLOURS = ("\x1b[36m", "\x1b[32m", "\x1b[35m", "\x1b[33m", "\x1b[34m", "\x1b[31m")


class Terminal(Protocol):
    """What is needed of a stream: files have it, and so does a command's `stdout`."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


def wants_colour(stream: Terminal) -> bool:
    """A terminal that did not opt out (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_LOGGERS: Final = r"(?:celery\.(?:worker\.strategy|app\.trace|beat)|apps\.tenants\.selectors)"
# What the workers say all the time, also when nothing happens: lines of `text` with or without
# their time, and of `json` (campus/settings/logs.py).
ROUTINE: Final = re.compile(
    rf"(?:[\d:., TZ+-]*INFO {_LOGGERS}: "
    rf'|\{{"time": "[^"]*", "level": "INFO", "logger": "{_LOGGERS}",)'
)


class PrefixedOutput:
    """Writes `name | text`, the names aligned and each in a colour of its own.

    Lines that match `hidden` are left out.
    """

    def __init__(
        self,
        stream: Terminal,
        *,
        names: Sequence[str],
        colour: bool | None = None,
        hidden: re.Pattern[str] | None = None,
    ) -> None:
        self._hidden = hidden
        self._stream = stream
        self._colour = wants_colour(stream) if colour is None else colour
        self._width = max(map(len, names), default=0)
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}

    def line(self, name: str, text: str) -> None:
        """Write one line and flush it. A terminal that went away is not an error."""
        if self._hidden and self._hidden.match(text):
            return
        prefix = f"{name:<{self._width}} |"
        if self._colour:
            prefix = f"{self._colours.get(name, '')}{prefix}{RESET}"
        try:
            self._stream.write(f"{prefix} {text}\n")
            self._stream.flush()
        except (BrokenPipeError, OSError):
            return
