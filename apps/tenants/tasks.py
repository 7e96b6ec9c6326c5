"""Celery tasks that run for the campus they were enqueued from."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from celery import Task, current_app
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.common.cache import ask_server, server_answers
from apps.common.deadlocks import is_deadlock
from apps.common.errors import Refused
from apps.common.log_context import log_also
from apps.common.measures import count
from apps.tenants.models import Campus
from apps.tenants.scope import NoCampus, campus_scope, current_campus_id, entered_campus_id
from apps.tenants.selectors import campus_is_open, every_campus

logger = logging.getLogger(__name__)

CAMPUS_HEADER: Final = "campus_id"
TRIED_AGAIN: Final = timedelta(seconds=40)
WAITING_LEASE: Final = timedelta(minutes=10)


class CampusTask(Task):
    """Carries the entered campus in the message and enters it again in the worker.

    `@shared_task(base=CampusTask)`. Enqueued outside every campus it raises `NoCampus` at once,
    in the caller, where the mistake is.
    """

    abstract = True

    def apply_async(
        self, args: Any = None, kwargs: Any = None, headers: Any = None, **options: Any
    ) -> Any:
        campus_id = (headers or {}).get(CAMPUS_HEADER) or entered_campus_id()
        if campus_id is None:
            message = f"{self.name} was enqueued outside campus_scope(...)."
            raise NoCampus(message)
        headers = {**(headers or {}), CAMPUS_HEADER: campus_id}
        return super().apply_async(args, kwargs, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing is done for a campus that was switched off meanwhile. What was left lies in the
        database: the requeueing tasks, which visit open campuses, find it when it is open again."""
        campus_id = self.message_campus_id()
        log_also(campus_id=campus_id)
        if not campus_is_open(campus_id=campus_id):
            logger.info("%s left undone: campus %d is switched off.", self.name, campus_id)
            return None
        try:
            with campus_scope(campus_id):
                return super().__call__(*args, **kwargs)
        except OperationalError as error:
            if not is_deadlock(error):
                raise
        count("campus_deadlocks", "task")
        logger.warning("%s: a deadlock ended the transaction; trying once more.", self.name)
        with campus_scope(campus_id):
            return super().__call__(*args, **kwargs)

    def message_campus_id(self) -> int:
        """The campus that the running task's message carries."""
        campus_id = (self.request.headers or {}).get(CAMPUS_HEADER) or self.request.get(
            CAMPUS_HEADER
        )
        if campus_id is None:
            campus_id = entered_campus_id()
        if campus_id is None:
            message = f"{self.name} arrived without a campus."
            raise NoCampus(message)
        return int(campus_id)


class SteppedTask(CampusTask):
    """Is given the campus's id first and enters it step by step: what one step has written is
    seen while the next one works, and long work keeps no transaction open."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        campus_id = self.message_campus_id()
        if not campus_is_open(campus_id=campus_id):
            return None  # left as it was: its requeueing task finds it when the campus is open
        return Task.__call__(self, campus_id, *args, **kwargs)


def each_campus(act: Callable[[Campus], Any], *, reason: str) -> int:
    """`act(campus)` for every open campus, which `act` enters itself; the sum of what it returns.

    What fails on one campus is logged, and keeps no other campus waiting.
    """
    done = 0
    for campus in every_campus(reason=reason):
        try:
            done += int(act(campus) or 0)
        except Exception:
            logger.exception("%s: failed on %s; it is tried again.", reason, campus.slug)
    return done


def in_each_campus(act: Callable[[], Any], *, reason: str) -> int:
    """`act()` inside every open campus, each in a transaction of its own; see `each_campus`."""

    def enter(campus: Campus) -> int:
        with campus_scope(campus):
            return int(act() or 0)

    return each_campus(enter, reason=reason)


def each_apart(campus: Campus, keys: Iterable[Any], act: Callable[[Any], Any]) -> int:
    """`act(key)` for each key, in a transaction of its own; returns the sum of what it returns.

    One that fails is undone and logged, and keeps neither the others nor other campuses waiting.
    """
    done = 0
    for key in keys:
        try:
            with campus_scope(campus):
                done += int(act(key))
        except Exception:
            logger.exception("%s of %s failed; it is tried again.", key, campus.slug)
    return done


def enqueue(task: Task | str, *args: Any, **kwargs: Any) -> None:
    """Send a task, given itself or by its dotted name, when the transaction has committed.

    Services name tasks, because they may not import them. A broker that is down must not undo what
    was saved: the failure is logged, and the requeueing task of its owner queues it
    again from the database.
    """
    name = task if isinstance(task, str) else task.name
    headers = {CAMPUS_HEADER: current_campus_id()}
    transaction.on_commit(partial(_send, name, args, kwargs, headers))


def take_lost(
    rows: QuerySet[Any], task: Task, *, since: str, now: datetime, limit: int
) -> list[Any]:
    """Keys of rows whose task was lost, the oldest first, leased anew by their `queued_at`.

    A row is on its way to a worker from `since`, its column of when it was made, or from when it
    was taken here last: for ten minutes while its queue has messages, else for 40 seconds, longer
    than a task tries again by itself. Call it inside a campus, and enqueue what it returns.
    """
    left_alone = TRIED_AGAIN if _is_empty(task) else WAITING_LEASE
    asked = Coalesce("queued_at", since)
    lost = rows.annotate(asked=asked).filter(asked__lt=now - left_alone).order_by(since)
    keys = list(lost.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
    rows.model._default_manager.filter(pk__in=keys).update(queued_at=now)
    return keys


def _is_empty(task: Task) -> bool:
    """Whether no message waits where this task is sent; False when the broker does not answer."""
    route = settings.CELERY_TASK_ROUTES.get(task.name, {})
    queue = route.get("queue", settings.CELERY_TASK_DEFAULT_QUEUE)
    waiting: int | None = ask_server(lambda client: client.llen(queue), otherwise=None)
    return waiting == 0


def hand_over(task: str, *args: Any) -> None:
    """Send a task at once, for work that is not queued again.

    Raises `Refused` (try_later) when the broker is down: nothing was saved that could be lost.
    """
    headers = {CAMPUS_HEADER: current_campus_id()}
    try:
        current_app.send_task(task, args, {}, headers=headers, retry=False)
    except Exception as error:
        logger.exception("%s could not be handed over.", task)
        message = _("This cannot be done right now. Try again in a few minutes.")
        raise Refused("try_later", message, status=503) from error


def _send(name: str, args: Any, kwargs: Any, headers: dict[str, Any]) -> None:
    if not server_answers():  # the client of the broker would wait for seconds
        logger.error(
            "%s could not be enqueued, the broker does not answer; it will be queued again.", name
        )
        return
    try:
        current_app.send_task(name, args, kwargs, headers=headers, retry=False)
    except Exception:
        logger.exception("%s could not be enqueued; it will be queued again.", name)
