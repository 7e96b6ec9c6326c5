"""How far a job is, visible while its transaction is still open."""

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.tenants.scope import CAMPUS_SETTING

EVERY_SECONDS: Final = 0.25

Watch = Callable[[int, int], None]  # done, total


class Cancelled(Exception):
    """Somebody asked the job to stop; its transaction is rolled back."""


class Progress:
    """Writes progress and signs of life through a connection of its own.

    The job's own transaction commits at the end only; what is written through it would be seen
    by nobody before. `total` 0 means "not known yet".
    """

    def __init__(self, job_id: UUID, campus_id: int, *, watch: Watch | None = None) -> None:
        self._job_id = job_id
        self._campus_id = campus_id
        self._written = 0.0
        self._phase = ""
        self._connection: Any = None
        self._watch = watch

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def at(self, done: int, total: int, *, phase: str) -> None:
        """Note how far it is, a few times a second at most; raises `Cancelled` when asked to."""
        if self._watch is not None:
            self._watch(min(done, total), total)
        now = time.monotonic()
        if phase == self._phase and done < total and now - self._written < EVERY_SECONDS:
            return
        self._phase, self._written = phase, now
        if self._write(min(done, total), total, phase):
            raise Cancelled

    def _write(self, done: int, total: int, phase: str) -> bool:
        if self._connection is None:
            self._connection = connection.copy()
        self._connection.ensure_connection()
        own = self._connection.connection
        with own.transaction(), own.cursor() as cursor:  # the campus ends with the transaction
            cursor.execute(
                "SELECT set_config(%s, %s, true)", [CAMPUS_SETTING, str(self._campus_id)]
            )
            cursor.execute(
                "UPDATE jobs_job SET done = %s, total = %s, phase = %s, heartbeat_at = now() "
                "WHERE id = %s AND status = 'running' RETURNING cancel_requested",
                [done, total, phase[:100], self._job_id],
            )
            row = cursor.fetchone()
        return bool(row and row[0])
