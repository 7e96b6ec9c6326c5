"""Signs of life of a move, whose single statements may take longer than a job may be silent."""

import logging
import threading
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import psycopg
from django.db import DatabaseError

from apps.jobs.progress import Cancelled, Progress

logger = logging.getLogger(__name__)

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
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._say()
            except Cancelled:
                self._cancelled.set()
                return
            except (psycopg.Error, DatabaseError):
                logger.warning("Job %s could not say that it lives; again soon.", self._job_id)

    def _say(self) -> None:
        done, total, phase = self._said
        with Progress(self._job_id, self._campus_id) as progress:
            progress.at(done, total, phase=phase)
