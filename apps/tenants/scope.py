"""Which campus this code is working for. Every query for tenant data passes through here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction

CAMPUS_SETTING: Final = "campus.id"


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

    def __init__(self, campus_id: int, alias: str) -> None:
        self.campus_id = campus_id
        self.alias = alias
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
            with context["connection"].cursor() as cursor:
                cursor.execute(
                    "SELECT set_config(%s, %s, true)", [CAMPUS_SETTING, str(self.campus_id)]
                )
        return execute(sql, params, many, context)


_scope: ContextVar[Scope | None] = ContextVar("campus_scope", default=None)


def entered_campus_id() -> int | None:
    """The id of the campus whose scope was entered, or None outside every scope."""
    scope = _scope.get()
    return scope.campus_id if scope else None


def current_campus_id() -> int:
    """Like `entered_campus_id`, but raises `NoCampus` outside every scope."""
    campus_id = entered_campus_id()
    if campus_id is None:
        message = "Tenant data was touched outside campus_scope(...)."
        raise NoCampus(message)
    return campus_id


@contextmanager
def campus_scope(campus: Any, *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Work for one campus (a `Campus` or its id) inside one transaction.

    Scopes nest: the inner campus holds until its block ends, then the outer one again.
    An exception rolls the block back.
    """
    campus_id = campus if isinstance(campus, int) else campus.pk
    outer = _scope.get()
    if outer is not None and outer.campus_id == campus_id and outer.alias == using:
        yield
        return
    scope = Scope(campus_id, using)
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
                cursor.execute("SELECT set_config(%s, '', true)", [CAMPUS_SETTING])


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
                    cursor.execute("SELECT set_config(%s, '', true)", [CAMPUS_SETTING])
            yield
        finally:
            _scope.reset(token)
            if outer is not None:
                outer.announced = False
