"""Reading reports from a replica (DATABASE_REPLICA_URL), never older than what was committed.

A report asks the primary server how far its log goes and waits a moment until the replica is there:
what anybody saved before the report was asked for is in it. Where the replica is away, behind, no
replica any more, or this transaction has written something itself, the primary answers.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.models import Model

from apps.tenants.scope import campus_scope, current_campus_id

logger = logging.getLogger(__name__)

REPLICA: Final = "replica"
ASKED_EVERY_SECONDS: Final = 0.01
ANSWER_SECONDS: Final = 1.0  # for the replica to say how far it is
PAUSE_SECONDS: Final = 30.0  # before a replica that was away is asked again

T = TypeVar("T")

# Whether this transaction has written, and up to where a reader has to see. Commits that do not
# wait for the disk may be beyond what has reached it.
_PRIMARY: Final = """
    SELECT pg_current_xact_id_if_assigned() IS NOT NULL,
        CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn()
            ELSE pg_current_wal_flush_lsn() END::text
"""
_REPLICA: Final = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn"

_reading: ContextVar[bool] = ContextVar("reading_the_replica", default=False)
_pause: dict[str, float] = {}  # until when (monotonic) the replica is left alone


class ReplicaRouter:
    """Inside `on_replica`, every query that reads goes there; all else to the primary."""

    def db_for_read(self, _model: type[Model], **_hints: Any) -> str | None:
        return REPLICA if _reading.get() else None

    def allow_relation(self, _one: Model, _other: Model, **_hints: Any) -> bool:
        return True  # one database, read at two places

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool | None:
        return False if db == REPLICA else None


def reading_alias() -> str:
    """Where a selector's own cursor has to read."""
    return REPLICA if _reading.get() else DEFAULT_DB_ALIAS


def on_replica(read: Callable[[], T]) -> T:
    """The answer of `read`, which only reads and returns plain data; it may be called twice."""
    if _reading.get() or not replica_is_ready():
        return read()
    try:
        with campus_scope(current_campus_id(), using=REPLICA):
            token = _reading.set(True)
            try:
                return read()
            finally:
                _reading.reset(token)
    except (OperationalError, InterfaceError) as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise  # it takes too long, and would on the primary
        _leave_alone(error)
        return read()


def replica_is_ready() -> bool:
    """Whether it has all that was committed until now, perhaps after a moment."""
    if REPLICA not in connections or time.monotonic() < _pause.get(REPLICA, 0.0):
        return False
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_PRIMARY)
        has_written, position = cursor.fetchone()
    if has_written:
        return False
    until = time.monotonic() + settings.REPLICA_WAIT_SECONDS
    try:
        while not _has_reached(position):
            if time.monotonic() > until:
                return False
            time.sleep(ASKED_EVERY_SECONDS)
    except DatabaseError as error:
        _leave_alone(error)
        return False
    return True


def _has_reached(position: str) -> bool:
    connection = connections[REPLICA]
    connection.ensure_connection()
    with connection.connection.waiting_at_most(ANSWER_SECONDS), connection.cursor() as cursor:
        cursor.execute(_REPLICA, [position])
        follows, reached = cursor.fetchone()
    if not follows:
        raise OperationalError("DATABASE_REPLICA_URL leads to a server that follows no other.")
    return bool(reached)


def _leave_alone(error: Exception) -> None:
    _pause[REPLICA] = time.monotonic() + PAUSE_SECONDS
    connections[REPLICA].close()
    logger.warning("Reports are read from the primary server for %.0f s: %s", PAUSE_SECONDS, error)
