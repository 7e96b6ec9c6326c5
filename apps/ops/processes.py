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

LAUNCHER = Path(__file__).with_name("launch.py")
PROC = Path("/proc")


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
    should. Where the kernel has no such watch (macOS), the next start cleans up instead.
    `drop_root` has an effect for root on Linux only. `output` takes stdout and stderr.
    """
    unprivileged = drop_root and sys.platform.startswith("linux") and os.geteuid() == 0
    launcher: list[str | Path] = [sys.executable, "-I", "-S", LAUNCHER]
    facts = [str(os.getpid()), str(int(death_signal)), str(int(unprivileged))]
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
    if PROC.joinpath("self", "cwd").exists():
        return [pid for pid in _process_ids() if _works_in(pid, directory, program)]
    return _listed_by_ps(directory, program)


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]


def _works_in(pid: int, directory: Path, program: str) -> bool:
    try:
        here = os.readlink(PROC / str(pid) / "cwd")  # a zombie has none
        name = (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return False
    return here == str(directory) and name == program[:15]  # the kernel keeps 15 characters


def _listed_by_ps(directory: Path, program: str) -> list[int]:
    """For systems without /proc: servers whose command line names the directory."""
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,stat=,command="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = []
    for line in listing.splitlines():
        pid, state, command = line.split(None, 2)
        words = command.split()
        is_program = Path(words[0]).name == program
        if is_program and str(directory) in words and not state.startswith("Z"):
            found.append(int(pid))
    return found
