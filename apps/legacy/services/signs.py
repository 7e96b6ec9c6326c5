"""Signs of life of a move, whose single statements may take longer than a job may be silent."""

import threading
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from apps.jobs.progress import Cancelled, Progress

EVERY_SECONDS: Final = 5.0


class LifeSigns:
    """Says from a thread of its own how far the job is; `check` raises `Cancelled` when the job was
    asked to stop."""

    def __init__(self, job_id: UUID, campus_id: int) -> None:
        self._job_id = job_id
        self._campus_id = campus_id
        self._said = (0, 0, "")
        self._cancelled = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def at(self, done: int, total: int, phase: str) -> None:
        self._said = (done, max(total, done), phase)
        self.check()

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _beat(self) -> None:
        with Progress(self._job_id, self._campus_id) as progress:
            while not self._over.wait(EVERY_SECONDS):
                done, total, phase = self._said
                try:
                    progress.at(done, total, phase=phase)
                except Cancelled:
                    self._cancelled.set()
                    return
