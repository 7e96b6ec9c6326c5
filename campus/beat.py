"""The scheduler of beat: any number may run, one of them sends (apps/ops/beat_lease.py)."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery.beat import Scheduler
from django.conf import settings

from apps.ops.beat_lease import KEPT, TAKEN, BeatLease, last_runs, note_run

logger = logging.getLogger(__name__)

WAITING_SECONDS = 5.0


class LeasedScheduler(Scheduler):
    """Sends what is due while it has the lease; else it waits for the other beat to end.

    Who takes the lease goes on where the other one stopped: what became due meanwhile is sent once.
    The schedule's file shows by its time that the process lives; nothing is read from it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._alive = Path(kwargs.get("schedule_filename") or "celerybeat-schedule")
        self._lease = BeatLease()
        self._waits_for = ""
        self._resumed = False
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One turn; the seconds until the next."""
        self._alive.touch()
        state = self._lease.take()
        if state not in (TAKEN, KEPT):
            self._wait()
            return min(WAITING_SECONDS, settings.BEAT_LEASE_SECONDS / 4)
        if state == TAKEN or not self._resumed:
            self._resume()
        # Twice as often as the lease needs it, and once more.
        return min(float(super().tick(*args, **kwargs)), settings.BEAT_LEASE_SECONDS / 4)

    def _wait(self) -> None:
        self._resumed = False
        holder = self._lease.holder() or "Valkey does not answer"
        if holder != self._waits_for:
            self._waits_for = holder
            logger.warning("This beat waits: %s has the lease.", holder)

    def _resume(self) -> None:
        self._resumed, self._waits_for = True, ""
        logger.info("This beat has the lease, as %s.", self._lease.name)
        now, runs = datetime.now(UTC), last_runs()
        for name, entry in self.schedule.items():
            entry.last_run_at = min(runs.get(name, now), now)
        self._heap = None  # made anew from these times

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        super().apply_entry(entry, producer=producer)
        note_run(entry.name, at=datetime.now(UTC))

    def close(self) -> None:
        super().close()
        self._lease.give_back()
