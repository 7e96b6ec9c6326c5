"""Which function does which kind of job. Apps add theirs in `ready()`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

from apps.jobs.models import Job
from apps.jobs.progress import Progress

Handler = Callable[[Job, Progress], dict[str, Any] | None]
RUN_TASK: Final = "apps.jobs.tasks.run_job"


class Ending(Protocol):
    """Called with the job in its last state, in the transaction that wrote it."""

    def __call__(self, job: Job, *, now: datetime) -> object: ...


_handlers: dict[str, Handler] = {}
_endings: dict[str, Ending] = {}
_tasks: dict[str, str] = {}
_waiting: set[str] = set()


def add_job(
    kind: str,
    handler: Handler,
    *,
    ended: Ending | None = None,
    task: str = RUN_TASK,
    waits_for_others: bool = False,
) -> None:
    """`handler(job, progress)` works in one transaction and returns the result, as JSON values.

    It may be called again for the same job when its worker was lost: then the first transaction
    was rolled back. One that returns None has done a part of the work: that is saved, and it is
    called for the next one; what it writes into `job.params` is kept between the parts. `ended` is
    called for every job that has succeeded or failed. `task` runs it (`jobs.tasks`), which says in
    which queue. `waits_for_others`: it asks servers that the campus has named, which may be slow;
    one such job of a campus runs at a time.
    """
    _tasks[kind] = task
    if waits_for_others:
        _waiting.add(kind)
    _handlers[kind] = handler
    if ended is not None:
        _endings[kind] = ended


def handler_of(kind: str) -> Handler:
    return _handlers[kind]


def task_of(kind: str) -> str:
    return _tasks.get(kind, RUN_TASK)


def waiting_kinds() -> frozenset[str]:
    """Of jobs that wait for servers of others."""
    return frozenset(_waiting)


def ending_of(kind: str) -> Ending | None:
    return _endings.get(kind)
