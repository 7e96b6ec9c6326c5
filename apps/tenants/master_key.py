"""No process works on a database that was written under another master key.

One start with a wrong key would seal and encrypt what nobody can read or verify afterwards. So
the first connection of every process, whatever it is, compares the key with the check value that
`migrate` left in the database, and is closed again where they differ. Processes that live long ask
once more when they start, so as to end there and then, and again every half a minute while they
work: a key that was replaced meanwhile, or whose rows have been sealed anew, seals nothing more.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from psycopg import Connection, sql

from apps.common.crypto import check_value, fingerprint

logger = logging.getLogger(__name__)

TABLE: Final = "tenants_masterkey"
_CURRENT: Final = sql.SQL("SELECT check_value FROM {table} WHERE retired_at IS NULL").format(
    table=sql.Identifier(TABLE)
)

Proof = Callable[[], bool | None]

_proofs: list[Proof] = []
_confirmed: dict[tuple[str, ...], float] = {}  # until when, by the monotonic clock
AGAIN_SECONDS: Final = 30.0
# By the whole row: a schema of a release before has no such column, and must reach `migrate`.
_BETWEEN: Final = sql.SQL(
    "SELECT 1 FROM {table} AS key WHERE retired_at IS NULL"
    " AND to_jsonb(key) ->> 'sealed_key' IS NOT NULL"
).format(table=sql.Identifier(TABLE))
_rotating: ContextVar[bool] = ContextVar("master_key_rotating", default=False)


class MasterKeyRefused(CommandError):
    """Nothing is done under these keys."""


class WrongMasterKey(MasterKeyRefused):
    """CAMPUS_MASTER_KEY is not the key that the database was written under."""

    def __init__(self, expected: bytes, given: bytes) -> None:
        super().__init__(
            "CAMPUS_MASTER_KEY is another key than the one that this database was written under. "
            f"Expected: the key with the fingerprint {fingerprint(expected)}. "
            f"Given: {fingerprint(given)}. Nothing was read or written. Give the right key."
        )


class RetiredMasterKey(MasterKeyRefused):
    """CAMPUS_OLD_MASTER_KEY is given although it was replaced for good."""

    def __init__(self) -> None:
        super().__init__(
            "The master key was replaced: remove CAMPUS_OLD_MASTER_KEY, which is refused now."
        )


class HalfReplacedMasterKey(MasterKeyRefused):
    """The rows are sealed under the next key already, and only the one before is given."""

    def __init__(self) -> None:
        super().__init__(
            "The master key is being replaced: CAMPUS_MASTER_KEY must be the new one and "
            "CAMPUS_OLD_MASTER_KEY this one, until manage.py rotate_master_key says that it is "
            "done. Nothing was read or written."
        )


class UnprovenMasterKey(CommandError):
    """The database knows no key yet, but its audit log was not written under this one."""

    def __init__(self, given: bytes) -> None:
        super().__init__(
            "The audit log of this database was written under another key than the given "
            f"CAMPUS_MASTER_KEY (fingerprint {fingerprint(given)}). Set the right key and migrate "
            "again; nothing was recorded."
        )


def add_proof(proof: Proof) -> None:
    """`proof()`: whether old rows were written under the given key; None: there are none."""
    if proof not in _proofs:
        _proofs.append(proof)


def given_value() -> bytes:
    return _value_of(settings.CAMPUS_MASTER_KEY)


_value_of: Final = lru_cache(maxsize=8)(check_value)


def recorded_value(connection: Connection[Any]) -> bytes | None:
    """The check value in the database; None before the first `migrate` under this scheme."""
    with connection.cursor() as cursor:
        # By the driver itself: no scope of a campus may take notice of this. While `migrate` has
        # made the table and not yet granted it, there is nothing to read either.
        cursor.execute(
            "SELECT coalesce(has_table_privilege(to_regclass(%s), 'SELECT'), false)", [TABLE]
        )
        row = cursor.fetchone()
        if row is None or not row[0]:
            return None
        cursor.execute(_CURRENT)
        found = cursor.fetchone()
    return bytes(found[0]) if found else None


def confirm(connection: Any) -> None:
    """Raises `MasterKeyRefused`, with the connection closed. Asks each database now and then."""
    place = connection.settings_dict
    given, old = given_value(), bytes(settings.CAMPUS_OLD_MASTER_KEY)
    names = (connection.alias, place["NAME"], place["HOST"], str(place["PORT"]))
    key = (*names, given.hex(), old.hex())
    if time.monotonic() < _confirmed.get(key, 0.0):
        return
    expected = recorded_value(connection.connection)
    if expected is None or _rotating.get():
        return
    problem = refusal(connection.connection, expected)
    if problem is not None:
        connection.close()
        raise problem
    _confirmed[key] = time.monotonic() + AGAIN_SECONDS


def refusal(connection: Connection[Any], expected: bytes) -> MasterKeyRefused | None:
    """What is wrong with the given keys, for a database whose current key is `expected`."""
    given = given_value()
    if expected == given:
        if settings.CAMPUS_OLD_MASTER_KEY:
            return RetiredMasterKey()
        return HalfReplacedMasterKey() if rows_are_renewed(connection) else None
    return None if is_between(connection, expected) else WrongMasterKey(expected, given)


def is_between(connection: Connection[Any], expected: bytes) -> bool:
    """Whether this database is on its way from `expected` to the given key, and both are given.

    All rows are sealed under the new key by then, and files are read under either.
    """
    old = settings.CAMPUS_OLD_MASTER_KEY
    return bool(old) and _value_of(old) == expected and rows_are_renewed(connection)


def rows_are_renewed(connection: Connection[Any]) -> bool:
    """Whether the current key of this database is being replaced, with its rows done."""
    with connection.cursor() as cursor:
        cursor.execute(_BETWEEN)
        return cursor.fetchone() is not None


@contextmanager
def accepting_the_old_key() -> Iterator[None]:
    """For the command that replaces the key: the database is still under the one before."""
    token = _rotating.set(True)
    try:
        yield
    finally:
        _rotating.reset(token)


def confirm_new_connection(*, connection: Any, **_: Any) -> None:
    """Receiver of `connection_created`."""
    if connection.vendor == "postgresql":
        confirm(connection)


def confirm_at_start() -> None:
    """For processes that live long: raises `MasterKeyRefused` before they take on any work.

    Where the database does not answer they start all the same: its first connection will be asked.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.connection is not None:  # asked when it was made
        return
    try:
        connection.ensure_connection()
    except OperationalError as error:
        logger.warning("The master key could not be compared yet: %s", error)
    finally:
        connection.close()  # nothing to be inherited by forked processes
        connection.close_pool()  # type: ignore[attr-defined]


def record_master_key(*, owner: str) -> None:
    """Note the given key as this database's, unless one is known. Runs after migrations.

    Only the owner writes here; the application's role reads. Raises `UnprovenMasterKey` where the
    database has older rows that were written under another key.
    """
    connection = connections[owner]
    connection.ensure_connection()
    if recorded_value(connection.connection) is None:
        if any(proof() is False for proof in _proofs):
            raise UnprovenMasterKey(given_value())
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO tenants_masterkey (check_value, created_at) VALUES (%s, now()) "
                "ON CONFLICT DO NOTHING",
                [given_value()],
            )
