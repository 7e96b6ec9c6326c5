"""Helpers for tests that watch real processes."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from apps.processes.spawning import wait_until

ROOT = Path(__file__).resolve().parents[2]
MARK = "CAMPUS_TEST_SCRIPT"  # in the environment of all that a script starts
DEADLINE = 60.0  # seconds; far above what anything here needs


def environment(**changes: str) -> dict[str, str]:
    """Ours without the addresses of the tests' servers, and what the browser's tests allow."""
    servers = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CAMPUS_VAR")
    names = (*servers, "DJANGO_ALLOW_ASYNC_UNSAFE")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONUNBUFFERED": "1", **changes}


class Script:
    """A Python program in a process of its own, its output in a file."""

    def __init__(
        self, *arguments: str, log: Path, env: dict[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        self._log = log
        self._mark = uuid.uuid4().hex
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=cwd,
                env={**(env or environment()), MARK: f"{os.getpid()}/{self._mark}"},
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

    def end(self) -> None:
        """Kill it with everything it started, whatever became of those in between."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for process in marked(self._mark):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def marked(text: str) -> list[psutil.Process]:
    """The living processes of scripts whose mark holds this text."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_alive = process.status() != psutil.STATUS_ZOMBIE
            if is_alive and text in process.environ().get(MARK, ""):
                found.append(process)
    return found


@contextmanager
def running(
    *arguments: str, log: Path, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[Script]:
    script = Script(*arguments, log=log, env=env, cwd=cwd)
    try:
        yield script
    finally:
        script.end()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be collected does not."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def gone(*pids: int) -> bool:
    """Whether all of them have ended, after waiting for it."""
    return wait_until(lambda: not any(map(is_alive, pids)), timeout=DEADLINE)
