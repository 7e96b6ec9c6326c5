"""Which function does which kind of job. Apps register theirs in `ready()`."""

from collections.abc import Callable
from typing import Any

from apps.jobs.models import Job
from apps.jobs.progress import Progress

Handler = Callable[[Job, Progress], dict[str, Any]]
_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    """`handler(job, progress)` works in one transaction and returns the result, as JSON values.

    It may be called again for the same job when its worker was lost: then the first transaction
    was rolled back.
    """
    _handlers[kind] = handler


def handler_of(kind: str) -> Handler:
    return _handlers[kind]
