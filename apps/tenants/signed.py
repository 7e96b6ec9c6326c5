"""Acts that the application's role alone cannot do: the code signs for each.

Some rows decide who may enter: second factors, sign-ins at Google, sessions, the platform's
administrators, the addresses of campuses. A trigger of the owner on these tables (`apps.tenants.
guards`) asks for a signature under a key that comes from the master key. Anyone who can only make
the database run SQL as the application's role, by an injection or with its password, does not have
it.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from apps.common.crypto import campus_key

SETTING: Final = "campus.signed"
_SIGN: Final = "SELECT set_config(%s, %s, true)"
GOOD_FOR_SECONDS: Final = 300  # a signature that was seen in a log is soon worth nothing
_given: ContextVar[str] = ContextVar("signed_act", default="")
_PLATFORM: Final = 0  # such acts belong to no campus, so neither does the key


def signing_keys() -> tuple[bytes, bytes]:
    """The inner and the outer key, as `migrate` tells them to the owner's table."""
    return campus_key("signed-acts-inner", _PLATFORM), campus_key("signed-acts-outer", _PLATFORM)


def signature(table: str, *, until: int) -> str:
    """`table:until:mac`: two keyed SHA-256, one in the other, as in HMAC; SQL can check it."""
    inner, outer = signing_keys()
    message = f"{table}:{until}"
    within = hashlib.sha256(inner + message.encode()).digest()
    return f"{message}:{hashlib.sha256(outer + within).hexdigest()}"


@contextmanager
def signed_act(table: str, *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Let the statements of this block do with one guarded table what its guard forbids.

    One transaction, or a savepoint of the running one. For places in the code that have made sure
    that the person may do this.
    """
    connection, outer = connections[using], _given.get()
    with transaction.atomic(using=using):
        signed = signature(table, until=int(time.time()) + GOOD_FOR_SECONDS)
        _announce(connection, signed)
        token = _given.set(signed)
        try:
            yield
        finally:
            _given.reset(token)
        _announce(connection, outer)  # an exception undoes it with the savepoint


def _announce(connection: Any, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SIGN, [SETTING, value])
