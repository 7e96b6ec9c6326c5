"""Helpers for tests that watch real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.ops.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0  # seconds; far above what anything here needs


def environment(**changes: str) -> dict[str, str]:
    """Ours without the addresses of the tests' servers."""
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CAMPUS_VAR")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONUNBUFFERED": "1", **changes}


class Script:
    """A Python program in a process of its own, its output in a file."""

    def __init__(self, *arguments: str, log: Path, env: dict[str, str] | None = None) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=env or environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def lines(self) -> list[str]:
        return self._log.read_text().splitlines()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        def seen() -> bool:
            return sum(text in line for line in self.lines) >= times

        found = wait_until(lambda: seen() or self.process.poll() is not None, timeout=DEADLINE)
        assert found, f"no {text!r} in {self.lines}"
        assert seen(), f"no {text!r} in {self.lines}"

    def finish(self) -> int:
        return self.process.wait(DEADLINE)


@contextmanager
def running(*arguments: str, log: Path, env: dict[str, str] | None = None) -> Iterator[Script]:
    script = Script(*arguments, log=log, env=env)
    try:
        yield script
    finally:
        if script.process.poll() is None:
            script.process.kill()
        script.process.wait()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state not in "ZX"


def gone(*pids: int) -> bool:
    """Whether all of them have ended, after waiting for it."""
    return wait_until(lambda: not any(map(is_alive, pids)), timeout=DEADLINE)
