"""The log lines of a task carry its name and id, and the request that enqueued it."""

import time
from contextlib import ExitStack
from typing import Any, Final

from celery.signals import before_task_publish, task_postrun, task_prerun

from apps.common.log_context import log_context, request_id
from apps.common.measures import observe

HEADER: Final = "request_id"
SENT_AT: Final = "sent_at"  # seconds since 1970: how old what waits in a queue is

_entered: dict[str, ExitStack] = {}
_started: dict[str, float] = {}


@before_task_publish.connect
def say_where_from(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers.setdefault(SENT_AT, time.time())
        if found := request_id():
            headers.setdefault(HEADER, found)


@task_prerun.connect
def enter(task_id: str = "", task: Any = None, **_: Any) -> None:
    headers = getattr(task.request, "headers", None) or {}
    from_request = headers.get(HEADER) or getattr(task.request, HEADER, None)
    stack = ExitStack()
    stack.enter_context(log_context(task_id=task_id, task=task.name, request_id=from_request))
    _entered[task_id] = stack
    _started[task_id] = time.perf_counter()


@task_postrun.connect
def leave(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    if started := _started.pop(task_id, None):
        seconds = time.perf_counter() - started
        observe("campus_task_seconds", seconds, task.name, (state or "lost").lower())
    if stack := _entered.pop(task_id, None):
        stack.close()
