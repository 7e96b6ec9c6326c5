"""`ENGINE = "apps.common.postgresql"`. Its own OPTIONS beside the driver's:

- `pooler`: None asks each new connection whether there is one, True and False say so;
- `prepare`: whether prepared statements are kept on the server where no pooler stands between
  (None), or always (True), or never (False);
- `patience`: seconds after which a server that says nothing is given up (None: never);
- `alone`: a server beside the one that everything needs, whose silence says nothing about that.
"""

import logging
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import IntegrityError, OperationalError
from django.db.backends.postgresql import base, features

from apps.common.errors import constraint_refusal
from apps.common.measures import before_sending, count
from apps.common.postgresql.connection import PatientConnection, circuit_breaker

logger = logging.getLogger(__name__)

OWN_OPTIONS: Final = ("pooler", "prepare", "patience", "alone")
LONGEST_WORK_SECONDS: Final = 660.0  # for a server without which everything goes on
PREPARE_AFTER: Final = 5  # runs of a statement; PostgreSQL keeps its plan from then on
LONGEST_LOGGED: Final = 300  # characters of a slow statement
CHECK_SECONDS: Final = 3.0  # for a kept connection to say that it is alive
GREETING_SECONDS: Final = 3.0  # for the first answer on a new one


def _driver() -> ModuleType:
    """psycopg, whose `connect` makes our connections."""
    driver = ModuleType("psycopg")
    vars(driver).update({**vars(psycopg), "connect": PatientConnection.connect})
    return driver


def timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Count and log what takes long, without its values."""
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        if seconds > settings.SLOW_STATEMENT_SECONDS:
            count("campus_statements_slow")
            shown = " ".join(str(sql).split())[:LONGEST_LOGGED]
            logger.warning("A statement took %.2f s: %s", seconds, shown)


def refused(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """What a trigger refuses is a refusal with a code, whichever statement met it."""
    try:
        return execute(sql, params, many, context)
    except IntegrityError as error:
        if refusal := constraint_refusal(error):
            raise refusal from error
        raise


def count_pool() -> None:
    """What this process's pools gave since the last time."""
    for pool in list(base.DatabaseWrapper._connection_pools.values()):  # type: ignore[attr-defined]
        stats = pool.pop_stats()
        asked, waited = stats.get("requests_num", 0), stats.get("requests_queued", 0)
        refused = stats.get("requests_errors", 0)
        for result, number in (
            ("at once", asked - waited),
            ("waited", waited - refused),
            ("refused", refused),
        ):
            if number > 0:
                count("campus_pool_requests", result, amount=number)
        if milliseconds := stats.get("requests_wait_ms", 0):
            count("campus_pool_wait_seconds", amount=milliseconds / 1000)


class DatabaseFeatures(features.DatabaseFeatures):
    # Django's primary key (id) is a part of the database's (campus_id, id): PostgreSQL does not
    # derive a row's other columns from it.
    allows_group_by_selected_pks = False


class DatabaseWrapper(base.DatabaseWrapper):
    """Decides connection by connection whether the server may keep prepared statements.

    A pooler in transaction mode gives each transaction to another server process, which does not
    know what was prepared elsewhere; without one, planning the statements of a check-in afresh
    costs five times as much as running them (bench/check_in.py).
    """

    Database = _driver()
    features_class = DatabaseFeatures

    pooled = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers += [timed, refused]

    @property
    def pool(self) -> Any:
        """psycopg's, of our connections; None without DB_POOL_SIZE."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if options:
            options.setdefault("connection_class", PatientConnection)
            before_sending(count_pool)
        return super().pool

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        for name in OWN_OPTIONS:
            params.pop(name, None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self._option("alone"):
            return self._prepared(super().get_new_connection(conn_params))
        if not circuit_breaker.allows():
            message = "PostgreSQL did not answer a moment ago."
            raise OperationalError(message)
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            circuit_breaker.failed()
            raise
        except psycopg.Error:
            circuit_breaker.worked()  # it refused, but at once: everybody may ask
            raise
        connection = self._prepared(connection)
        circuit_breaker.worked()
        return connection

    def _prepared(self, connection: Any) -> Any:
        """A new connection with our limits."""
        connection.alone = bool(self._option("alone"))
        with connection.waiting_at_most(GREETING_SECONDS):
            self.pooled = self._stands_behind_pooler(connection)
        connection.patience = self._option("patience")
        may_prepare = self._option("prepare")
        if may_prepare is None:
            may_prepare = not self.pooled
        connection.prepare_threshold = PREPARE_AFTER if may_prepare else None
        return connection

    def _option(self, name: str) -> Any:
        return self.settings_dict["OPTIONS"].get(name)

    def _stands_behind_pooler(self, connection: Any) -> bool:
        """Whether another process answers than the one that let us in.

        A pooler greets with a process id of its own making, and so do the proxies of clouds.
        """
        told = self._option("pooler")
        if told is not None:
            return bool(told)
        if connection.behind_pooler is not None:  # of our own pool: asked when it was made
            return bool(connection.behind_pooler)
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        connection.rollback()
        connection.behind_pooler = bool(row[0] != connection.pgconn.backend_pid)
        return bool(connection.behind_pooler)

    def is_usable(self) -> bool:
        """Asked before a kept connection serves again; a server that lives has a moment."""
        if self.connection is None:
            return False
        with self.connection.waiting_at_most(CHECK_SECONDS):
            return bool(super().is_usable())

    def be_patient(self) -> None:
        """Wait for this transaction's answers as long as the server's own limits let it work."""
        self.connection.patience = LONGEST_WORK_SECONDS if self.connection.alone else None

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if autocommit:  # a transaction has ended
            self.connection.patience = self._option("patience")

    def chunked_cursor(self) -> Any:
        """A cursor that outlives its transaction would be left on the pooler's connection."""
        if self.pooled and not self.in_atomic_block:
            return self.cursor()
        return super().chunked_cursor()
