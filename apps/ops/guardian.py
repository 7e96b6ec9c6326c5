"""Ends the process groups of a supervisor that was killed.

The kernel tells a killed supervisor's children (apps/ops/launch.py), but not their children, and
some need longer than they should: a worker finishes its task first. The guardian is told of every
group over a pipe; when the pipe closes with groups left, it asks them to stop and then makes sure.

Run as a script it is the guardian itself; imported it is the supervisor's end of the pipe.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

GRACE_SECONDS = 5.0
POLL_SECONDS = 0.1


class Guardian:
    """The supervisor's side: starts the guardian and keeps it informed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is not for the guardian
        )

    def watch(self, leader: int) -> None:
        """End the group of `leader` should we be killed."""
        self._tell(f"+{leader}\n")

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


def read_groups(lines: Iterable[str]) -> set[int]:
    """The groups that are left when the stream of `+group` and `-group` lines ends."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def end_groups(groups: set[int], *, grace: float) -> None:
    """Ask every group to stop; kill what is left after `grace` seconds."""
    left = {group for group in groups if _signal_group(group, signal.SIGTERM)}
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
