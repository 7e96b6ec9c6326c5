"""Runs the processes of the platform in one terminal. Imports no Django."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import FrameType

from apps.processes.forked import Forked, fork
from apps.processes.guardian import Guardian
from apps.processes.output import PrefixedOutput
from apps.processes.spawning import signal_group

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK_SECONDS = 0.25
CHUNK_BYTES = 65536
LINE_LIMIT_BYTES = 65536  # a longer line without an end is shown in pieces
OUR_NAME = "up"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A process to keep running. `grace` is how many seconds it may take to stop.

    Neighbours of the same `stage` are asked to stop at once.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    grace: float = 15.0
    stage: int = 0


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Seconds before a restart: `first`, doubled after each crash in a row, at most `longest`.

    A service that ran for `forgiven_after` seconds starts anew at `first`.
    """

    first: float = 0.5
    longest: float = 30.0
    forgiven_after: float = 30.0

    def delay(self, crashes: int) -> float:
        return float(min(self.first * 2 ** min(crashes - 1, 16), self.longest))


class Child:
    """One service and, while it runs, its process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.process: Forked | subprocess.Popen[bytes] | None = None
        self.crashes = 0
        self.started_at = 0.0
        self.due_at = 0.0  # on the monotonic clock; when to start (again)
        self.pending = b""  # output after the last line end

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def take_lines(self, data: bytes) -> list[str]:
        """The complete lines so far; the unfinished rest is kept for the next call."""
        *lines, self.pending = (self.pending + data).split(b"\n")
        if len(self.pending) > LINE_LIMIT_BYTES or (not data and self.pending):
            lines.append(self.pending)
            self.pending = b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]


class Supervisor:
    """Starts services, shows their output, restarts what crashes, and stops all of them.

    Everything happens in the calling thread, which must be the main one: signals arrive there,
    and Linux ends the children when that thread ends. `tick` is called about four times a
    second between the start and the first stop signal. `greeting` is shown once stop signals are
    heeded.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        output: PrefixedOutput,
        cwd: Path | None = None,
        backoff: Backoff | None = None,
        tick: Callable[[], None] | None = None,
        greeting: str = "",
    ) -> None:
        self._children = [Child(service) for service in services]
        self._output = output
        self._cwd = cwd
        self._backoff = backoff or Backoff()
        self._tick = tick
        self._greeting = greeting
        self._stops = 0
        self._selector = selectors.DefaultSelector()
        self._guardian: Guardian

    def run(self) -> None:
        """Keep the services running until SIGINT, SIGTERM or SIGHUP; a second one forces."""
        self._guardian = Guardian()
        previous = {signum: signal.signal(signum, self._on_signal) for signum in STOP_SIGNALS}
        try:
            if self._greeting:
                self._output.line(OUR_NAME, self._greeting)
            while not self._stops:
                self._start_due()
                self._pump(TICK_SECONDS)
                self._note_exits()
                if self._tick:
                    self._tick()
        finally:
            self._stop_all()
            self._guardian.close()
            for signum, handler in previous.items():
                signal.signal(signum, handler)
            self._selector.close()

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self._stops += 1

    def _start_due(self) -> None:
        for child in self._children:
            if child.process is None and time.monotonic() >= child.due_at:
                self._start(child)

    def _start(self, child: Child) -> None:
        process = fork(
            child.service.command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **child.service.env},
            cwd=self._cwd,
        )
        self._guardian.watch(process.pid)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        child.process = process
        child.started_at = time.monotonic()

    def _pump(self, timeout: float) -> None:
        """Show what the children wrote, waiting at most `timeout` seconds for the first of it."""
        if not self._selector.get_map():
            time.sleep(timeout)
            return
        for key, _events in self._selector.select(timeout):
            if not self._show(key.data, key.fd):
                self._selector.unregister(key.fileobj)

    def _show(self, child: Child, fd: int) -> bool:
        """Copy what is there to the terminal; False at the end of the stream."""
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return True
        self._write(child, child.take_lines(data))
        return bool(data)

    def _note_exits(self) -> None:
        for child in self._children:
            if child.process is not None and child.ended:
                ran = time.monotonic() - child.started_at
                code = self._record_exit(child)
                child.crashes = 1 if ran >= self._backoff.forgiven_after else child.crashes + 1
                delay = self._backoff.delay(child.crashes)
                child.due_at = time.monotonic() + delay
                text = f"{child.service.name} ended ({describe(code)}); again in {delay:g} s."
                self._output.line(OUR_NAME, text)

    def _record_exit(self, child: Child) -> int:
        """End what is left of a child's process group, show its last words, return its code."""
        process = child.process
        assert process is not None
        assert process.stdout is not None
        signal_group(process.pid, signal.SIGKILL)
        self._guardian.forget(process.pid)
        if process.stdout.fileno() in self._selector.get_map():
            self._selector.unregister(process.stdout)
            self._drain(child, process.stdout.fileno())
        process.stdout.close()
        child.process = None
        return process.wait()

    def _drain(self, child: Child, fd: int) -> None:
        """Show what a dead child's pipe still holds."""
        self._write(child, child.take_lines(_read_available(fd)) + child.take_lines(b""))

    def _write(self, child: Child, lines: list[str]) -> None:
        for line in filter(str.strip, lines):
            self._output.line(child.service.name, line)

    def _stop_all(self) -> None:
        """Stop in the order of the services: each gets its grace, unless a second signal came."""
        if any(child.process for child in self._children):
            self._output.line(OUR_NAME, "Stopping. Press Ctrl-C again to force.")
        for _stage, children in groupby(self._children, key=lambda child: child.service.stage):
            self._stop([child for child in children if child.process])

    def _stop(self, children: Sequence[Child]) -> None:
        asked = time.monotonic()
        for child in children:
            if child.process and not child.ended:
                child.process.terminate()
        while self._stops < 2 and any(
            not child.ended and time.monotonic() < asked + child.service.grace for child in children
        ):
            self._pump(0.05)
        for child in children:
            assert child.process is not None
            if not child.ended:
                self._output.line(OUR_NAME, f"{child.service.name} is killed: it did not stop.")
                signal_group(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._record_exit(child)


def describe(code: int) -> str:
    """An exit code for people: `code 3` or `SIGKILL`."""
    return f"code {code}" if code >= 0 else signal.Signals(-code).name


def _read_available(fd: int) -> bytes:
    """Everything that a non-blocking pipe holds right now."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)
