"""Which campus this code is working for. Every query for tenant data passes through here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from apps.tenants.master_key import confirm

CAMPUS_SETTING: Final = "campus.id"
_ANNOUNCE: Final = "SELECT set_config(%s, %s, true)"
# The limits of the application's role are those of a web request (settings.DATABASE_LIMITS). Jobs,
# tasks and commands may take this long; Celery ends them at ten minutes too.
WORK_LIMITS: Final = {
    "statement_timeout": "10min",
    "lock_timeout": "1min",
    "idle_in_transaction_session_timeout": "10min",
}
_ANNOUNCE_WORK: Final = ", ".join(
    [_ANNOUNCE, *(f"set_config('{name}', '{limit}', true)" for name, limit in WORK_LIMITS.items())]
)


class NoCampus(RuntimeError):
    """Tenant data was touched without saying which campus."""


class WrongCampus(RuntimeError):
    """A row of one campus was about to be written from another."""


class Scope:
    """One entered campus: tells PostgreSQL before the first statement that runs inside it.

    Lazy, so that a request which touches no table (a conditional poll answered from the cache)
    sends no statement at all. SAVEPOINTs pass through here too: the announcement always comes
    before the first savepoint and so cannot be rolled back with one.
    """

    def __init__(self, campus_id: int, alias: str, *, for_request: bool) -> None:
        self.campus_id = campus_id
        self.alias = alias
        self.for_request = for_request
        self.announced = False

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        if not self.announced and _scope.get() is self:
            self.announced = True
            self._announce(context["connection"])
        return execute(sql, params, many, context)

    def _announce(self, connection: Any) -> None:
        confirm(connection)  # the key may have been replaced since the connection was made
        statement = _ANNOUNCE if self.for_request else _ANNOUNCE_WORK
        with connection.cursor() as cursor:
            cursor.execute(statement, [CAMPUS_SETTING, str(self.campus_id)])
        if not self.for_request:
            connection.be_patient()


_scope: ContextVar[Scope | None] = ContextVar("campus_scope", default=None)


def entered_campus_id() -> int | None:
    """The id of the campus whose scope was entered, or None outside every scope."""
    scope = _scope.get()
    return scope.campus_id if scope else None


def is_for_request() -> bool:
    """Whether somebody waits for an answer of ours: in a task and a command nobody does."""
    scope = _scope.get()
    return scope is not None and scope.for_request


def current_campus_id() -> int:
    """Like `entered_campus_id`, but raises `NoCampus` outside every scope."""
    campus_id = entered_campus_id()
    if campus_id is None:
        message = "Tenant data was touched outside campus_scope(...)."
        raise NoCampus(message)
    return campus_id


@contextmanager
def campus_scope(
    campus: Any, *, using: str = DEFAULT_DB_ALIAS, for_request: bool = False
) -> Iterator[None]:
    """Work for one campus (a `Campus` or its id) inside one transaction.

    Scopes nest: the inner campus holds until its block ends, then the outer one again.
    An exception rolls the block back. `for_request`: somebody waits for an answer, so that the
    short limits of the application's role hold, instead of WORK_LIMITS.
    """
    campus_id = campus if isinstance(campus, int) else campus.pk
    outer = _scope.get()
    if outer is not None and outer.campus_id == campus_id and outer.alias == using:
        yield
        return
    scope = Scope(campus_id, using, for_request=outer.for_request if outer else for_request)
    connection = connections[using]
    try:
        with transaction.atomic(using=using):
            token = _scope.set(scope)
            try:
                with connection.execute_wrapper(scope):
                    yield
            finally:
                _scope.reset(token)
    finally:
        if outer is not None:
            outer.announced = False
        elif scope.announced and connection.in_atomic_block and not connection.needs_rollback:
            # An outer transaction goes on: do not leave the campus behind in it.
            with connection.cursor() as cursor:
                cursor.execute(_ANNOUNCE, [CAMPUS_SETTING, ""])


@contextmanager
def platform_scope(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Work for no campus inside one transaction: for rows that belong to the platform itself.

    May be entered from within a campus, which holds again when the block ends. The tables of
    `KeepForThePlatform` can be read and written here only.
    """
    outer = _scope.get()
    with transaction.atomic(using=using):
        token = _scope.set(None)
        try:
            if outer is not None:
                with connections[using].cursor() as cursor:
                    cursor.execute(_ANNOUNCE, [CAMPUS_SETTING, ""])
            yield
        finally:
            _scope.reset(token)
            if outer is not None:
                outer.announced = False
