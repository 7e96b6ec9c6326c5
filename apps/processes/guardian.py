"""Ends the process groups of a supervisor, or of a holder of servers, that was killed.

On Linux the kernel tells a killed supervisor's children (apps/processes/launch.py), but not their
children, and some need longer than they should: a worker finishes its task first. Elsewhere the
kernel tells nobody. The guardian is told of every group over a pipe; when the pipe closes with
groups left, it asks them to stop and then makes sure.

Run as a script it is the guardian itself; imported it is the other end of the pipe.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1


class Guardian:
    """The side of the process that may be killed: starts the guardian and keeps it informed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is not for the guardian
        )

    def watch(self, leader: int, *, polite: signal.Signals = signal.SIGTERM) -> None:
        """End the group of `leader` should we be killed, first with the signal `polite`."""
        self._tell(f"+{leader} {int(polite)}\n")

    def forget(self, leader: int) -> None:
        self._tell(f"-{leader}\n")

    def close(self) -> None:
        """Dismiss the guardian; groups that it still watches are ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed: we go on without it
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def read_groups(lines: Iterable[str]) -> dict[int, int]:
    """The groups that are left when the stream of lines ends, with the signals to ask them by.

    A line is `+group signal` or `-group`.
    """
    groups: dict[int, int] = {}
    for line in lines:
        group, *polite = map(int, line[1:].split())
        if line[0] == "+":
            groups[group] = polite[0]
        else:
            groups.pop(group, None)
    return groups


def end_groups(groups: Mapping[int, int], *, grace: float) -> None:
    """Ask every group to stop; kill what is left after `grace` seconds."""
    left = {group for group, polite in groups.items() if _signal_group(group, polite)}
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        left = {group for group in left if _is_alive(group)}
    for group in left:
        _signal_group(group, signal.SIGKILL)


def _is_alive(group: int) -> bool:
    return _signal_group(group, 0)


def _signal_group(group: int, signum: int) -> bool:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    end_groups(read_groups(sys.stdin), grace=GRACE_SECONDS)


if __name__ == "__main__":
    main()
