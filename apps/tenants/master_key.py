"""No process works on a database that was written under another master key.

One start with a wrong key would seal and encrypt what nobody can read or verify afterwards. So
the first connection of every process, whatever it is, compares the key with the check value that
`migrate` left in the database, and is closed again where they differ. Processes that live long ask
once more when they start, so as to end there and then.
"""

import logging
from collections.abc import Callable
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
_confirmed: set[tuple[str, ...]] = set()


class WrongMasterKey(CommandError):
    """CAMPUS_MASTER_KEY is not the key that the database was written under."""

    def __init__(self, expected: bytes, given: bytes) -> None:
        super().__init__(
            "CAMPUS_MASTER_KEY is another key than the one that this database was written under. "
            f"Expected: the key with the fingerprint {fingerprint(expected)}. "
            f"Given: {fingerprint(given)}. Nothing was read or written. Give the right key."
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
    return check_value(settings.CAMPUS_MASTER_KEY)


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
    """Raises `WrongMasterKey`, with the connection closed. Asks each database once."""
    place = connection.settings_dict
    given = given_value()
    key = (connection.alias, place["NAME"], place["HOST"], str(place["PORT"]), given.hex())
    if key in _confirmed:
        return
    expected = recorded_value(connection.connection)
    if expected is None:
        return
    if expected != given:
        connection.close()
        raise WrongMasterKey(expected, given)
    _confirmed.add(key)


def confirm_new_connection(*, connection: Any, **_: Any) -> None:
    """Receiver of `connection_created`."""
    if connection.vendor == "postgresql":
        confirm(connection)


def confirm_at_start() -> None:
    """For processes that live long: raises `WrongMasterKey` before they take on any work.

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
