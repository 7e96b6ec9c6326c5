"""What the embedded servers have in common: one holder, a clean start, a certain end."""

import fcntl
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from apps.processes import spawning
from apps.processes.embedded.errors import AlreadyRunning, EmbeddedError
from apps.processes.embedded.layout import Layout
from apps.processes.guardian import Guardian
from apps.processes.spawning import exited, processes_of, signal_group, spawn, wait_until

LOG_LIMIT_BYTES = 10 * 1024 * 1024
READY_SECONDS = 60.0
# A polite request, then a firm one, then none: (signal, seconds to wait after it).
Escalation = tuple[tuple[signal.Signals, float], ...]


class EmbeddedServer(ABC):
    """One server process that is our direct child and ends with us.

    The lock file makes us its only holder, so whatever else runs on the data directory is an
    orphan of a holder that was killed, and may be stopped.
    """

    title: ClassVar[str]
    program: ClassVar[str]
    escalation: ClassVar[Escalation]
    refuses_root: ClassVar[bool] = False
    ready_seconds: float = READY_SECONDS  # a server that has much to recover takes longer

    def __init__(
        self, layout: Layout, *, data: Path, log: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.layout = layout
        self.data = data
        self.log = log
        self.options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: Guardian | None = None
        self._lock: int | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and return when the server answers.

        Raises AlreadyRunning when another process holds this directory, EmbeddedError otherwise.
        """
        if self.is_running:
            return
        try:
            self._start()
        except PermissionError as error:
            message = f"{self.title} cannot use {error.filename}: it belongs to another user."
            raise EmbeddedError(message) from error

    def _start(self) -> None:
        self.layout.make_directories()
        self._acquire_lock()
        try:
            self._clear_orphans()
            self._prepare()
            self._launch()
            self._after_start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, if it runs, and let go of the directory. Never raises for either."""
        process, self._process = self._process, None
        if process is not None:
            for signum, seconds in self.escalation:
                if process.poll() is None:
                    process.send_signal(signum)
                    exited(process, within=seconds)
            signal_group(process.pid, signal.SIGKILL)
            self._dismiss_guardian(process.pid)
        self._release_lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """The server's program and arguments."""

    @abstractmethod
    def _is_ready(self, pid: int) -> bool:
        """Whether the server with that process id takes commands."""

    @abstractmethod
    def _clear_stale_files(self) -> None:
        """Remove what a killed server left in the way; nothing runs on the directory now."""

    def _prepare(self) -> None:
        """Make the data directory at the first start."""
        self.data.mkdir(mode=0o700, exist_ok=True)

    @abstractmethod
    def _after_start(self) -> None:
        """Set up what must exist inside the running server."""

    def _launch(self) -> None:
        offset = self._rotate_log()
        with self.log.open("ab") as output:
            process = spawn(
                self._command(),
                death_signal=self.escalation[0][0],
                drop_root=self.refuses_root,
                output=output,
            )
        self._process = process
        self._call_guardian(process.pid)
        wait_until(
            lambda: process.poll() is not None or self._is_ready(process.pid),
            timeout=self.ready_seconds,
        )
        if process.poll() is not None or not self._is_ready(process.pid):
            raise EmbeddedError(self._failure(offset))

    def _call_guardian(self, pid: int) -> None:
        """Where the kernel does not end the server when we are killed, a guardian does."""
        if not spawning.KERNEL_ENDS_CHILDREN:
            self._guardian = Guardian()
            self._guardian.watch(pid, polite=self.escalation[0][0])

    def _dismiss_guardian(self, pid: int) -> None:
        guardian, self._guardian = self._guardian, None
        if guardian is not None:
            guardian.forget(pid)
            guardian.close()

    def _failure(self, offset: int) -> str:
        with self.log.open("rb") as file:
            file.seek(offset)
            tail = file.read()[-1500:].decode(errors="replace").strip()
        return f"{self.title} did not start. The end of {self.log}:\n{tail}"

    def _rotate_log(self) -> int:
        """Keep one old log; return the size of the current one in bytes."""
        size = self.log.stat().st_size if self.log.exists() else 0
        if size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
            return 0
        return size

    def _clear_orphans(self) -> None:
        for signum, seconds in self.escalation:
            orphans = self._orphans()
            targets = orphans if signum == signal.SIGKILL else self._main_of(orphans)
            for pid in targets:
                _signal(pid, signum)
            if wait_until(lambda: not self._orphans(), timeout=seconds):
                self._clear_stale_files()
                return
        message = f"{self.title}: processes {self._orphans()} still use {self.data}."
        raise EmbeddedError(message)

    def _orphans(self) -> list[int]:
        """Processes left on our data directory by a holder that was killed."""
        return processes_of(self.data, program=self.program)

    def _main_of(self, orphans: list[int]) -> list[int]:
        """Those to ask for a shutdown; their helpers follow them."""
        return orphans

    def _acquire_lock(self) -> None:
        path = self.layout.var / f"{self.program}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            message = f"{self.title} in {self.layout.var} is already running (process {holder})."
            raise AlreadyRunning(message) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def _release_lock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def _signal(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
