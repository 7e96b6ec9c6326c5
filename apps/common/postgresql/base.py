"""`ENGINE = "apps.common.postgresql"`. Its own OPTIONS beside the driver's:

- `pooler`: None asks each new connection whether there is one, True and False say so;
- `prepare`: whether prepared statements are kept on the server where no pooler stands between
  (None), or always (True), or never (False);
- `patience`: seconds after which a server that says nothing is given up (None: never);
- `alone`: a server beside the one that everything needs, whose silence says nothing about that.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import ModuleType
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import DataError, IntegrityError, OperationalError
from django.db.backends.postgresql import base, features, operations
from django.db.backends.utils import debug_transaction

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


def read(cursor: Any, sql: str) -> tuple[Any, ...] | None:
    """The next row of a statement that `DatabaseWrapper.together` may send only now."""
    row: tuple[Any, ...] | None = timed(lambda *_: cursor.fetchone(), sql, None, False, None)
    return row


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


class DatabaseOperations(operations.DatabaseOperations):
    def adapt_integerfield_value(self, value: Any, internal_type: str) -> Any:
        """A number that its column cannot hold is an error, as PostgreSQL's own is for a text.

        psycopg sends the lower bytes of it: 2³² + 5 would be kept, or looked for, as 5.
        """
        if isinstance(value, int):
            _least, most = self.integer_field_range(internal_type)
            if not -most - 1 <= value <= most:
                message = f"{internal_type} out of range"
                raise DataError(message)
        return super().adapt_integerfield_value(value, internal_type)


class DatabaseWrapper(base.DatabaseWrapper):
    """Decides connection by connection whether the server may keep prepared statements.

    A pooler in transaction mode gives each transaction to another server process, which does not
    know what was prepared elsewhere; without one, planning the statements of a check-in afresh
    costs five times as much as running them (bench/check_in.py).
    """

    Database = _driver()
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    pooled = False
    # Whether the next transaction goes together, and the pipeline of the one that does.
    _joins_next = False
    _joined: AbstractContextManager[Any] | None = None

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

    # --- Transactions in few messages ---

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the transaction that begins inside go to the server in as few messages as it can.

        BEGIN waits for the first answer that is read, what is written for the next one, or for
        COMMIT: psycopg's pipeline, which is entered before anything was sent. (Its own BEGIN and
        COMMIT would wait for an answer each.) What an INSERT fails with is raised by the next
        reading or by the commit; nothing is saved then. Whether a kept connection still lives is
        not asked before: the first answer tells, and who enters this has to bear that error. Inside
        another transaction, as in most tests, nothing changes.
        """
        self._joins_next = not self.in_atomic_block
        if self._joins_next and self.connection is not None:
            self.health_check_done = True
        try:
            yield
        finally:
            self._joins_next = False
            with suppress(psycopg.Error):
                self._leave_pipeline()

    def _start_transaction_under_autocommit(self) -> None:
        """Asked for each outermost transaction, because it exists (made for SQLite)."""
        with debug_transaction(self, "BEGIN"):
            if not self._joins_next:
                self._set_autocommit(False)
                return
            self._joins_next = False
            with self.wrap_database_errors:
                self._joined = self.connection.gathering()
                self._joined.__enter__()
                self.connection.execute("BEGIN")

    def _leave_pipeline(self) -> None:
        """Send what waits, read all answers, and raise the first error among them."""
        joined, self._joined = self._joined, None
        if joined is not None:
            joined.__exit__(None, None, None)

    def _commit(self) -> Any:
        if self._joined is None:
            return super()._commit()  # type: ignore[misc]
        with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
            self.connection.execute("COMMIT")
            timed(lambda *_: self._leave_pipeline(), "COMMIT", None, False, None)
        return None

    def _rollback(self) -> Any:
        with suppress(psycopg.Error):  # what ended the transaction was raised already
            self._leave_pipeline()
        return super()._rollback()  # type: ignore[misc]

    def chunked_cursor(self) -> Any:
        """A cursor that outlives its transaction would be left on the pooler's connection."""
        if self.pooled and not self.in_atomic_block:
            return self.cursor()
        return super().chunked_cursor()
