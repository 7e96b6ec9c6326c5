"""Starting, finding and stopping operating system processes. Imports no Django."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

LAUNCHER = Path(__file__).with_name("launch.py")
LINUX = sys.platform.startswith("linux")
# Linux alone signals a child when its parent dies; elsewhere (macOS) a guardian does it
# (apps/processes/guardian.py). Tests switch this off to go the way of the other systems.
KERNEL_ENDS_CHILDREN = LINUX
NO_SIGNAL = 0


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    drop_root: bool = False,
    output: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when we die.

    The kernel watches the calling *thread*: call this from one that lives as long as the child
    should. Where KERNEL_ENDS_CHILDREN is false, the caller tells a guardian about the child.
    `drop_root` has an effect for root on Linux only. `output` takes stdout and stderr.
    """
    unprivileged = LINUX and drop_root and os.geteuid() == 0
    watched_for = int(death_signal) if KERNEL_ENDS_CHILDREN else NO_SIGNAL
    launcher: list[str | Path] = [sys.executable, "-I", "-S", LAUNCHER]
    facts = [str(os.getpid()), str(watched_for), str(int(unprivileged))]
    return subprocess.Popen(
        [*launcher, *facts, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], *, timeout: float, interval: float = 0.02) -> bool:
    """Poll `condition` until it holds (True) or `timeout` seconds have passed (False)."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


def exited(process: subprocess.Popen[bytes], *, within: float) -> bool:
    """Whether the child has ended, after waiting at most `within` seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within)
    return process.returncode is not None


def signal_group(leader: int, signum: signal.Signals) -> bool:
    """Signal every process of the group that `leader` leads; False when none is left."""
    try:
        os.killpg(leader, signum)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        return False
    return True


def processes_of(directory: Path, *, program: str) -> list[int]:
    """Ids of the living processes called `program` that work in `directory`.

    This is how a server is recognised as the one of a data directory: by where it runs, never by
    a process id read from a file, which another process may have by now.
    """
    return [
        process.pid
        for process in psutil.process_iter()
        if _works_in(process, directory=str(directory), program=program)
    ]


def _works_in(process: psutil.Process, *, directory: str, program: str) -> bool:
    try:
        return process.name() == program and process.cwd() == directory
    except psutil.Error:  # ended meanwhile, a zombie, or another user's
        return False
