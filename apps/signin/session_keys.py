"""What the database and the cache keep of a session's key: enough to find it, not to use it.

The key in the cookie (or behind a phone's token) is all that it takes to be somebody. Both tables
that name it, Django's and allauth's, hold a digest instead: their readers still have no key. A key
has 160 random bits: a plain hash is enough, there is nothing to guess.
"""

import hashlib
from typing import Any, Final

from django.db import models

STORED_LENGTH: Final = 40  # of the columns, and 160 bits in hexadecimal


class StoredKey(str):
    """The digest of a session key. Equal to the key that it stands for; never taken for one."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) and not isinstance(other, StoredKey):
            other = stored(other)
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def stored(key: str) -> StoredKey:
    """The digest of a key; a digest that came from the database stays what it is."""
    if isinstance(key, StoredKey):
        return key
    return StoredKey(hashlib.sha256(key.encode()).hexdigest()[:STORED_LENGTH])


def keep_digests(model: type[models.Model], column: str = "session_key") -> None:
    """Let this model of a library write, look for and read digests in the place of keys."""
    field: Any = model._meta.get_field(column)
    field.get_prep_value = _prepared
    field.from_db_value = _from_database


def _prepared(value: Any) -> Any:
    return stored(value) if isinstance(value, str) else value


def _from_database(value: Any, *_context: Any) -> Any:
    return StoredKey(value) if isinstance(value, str) else value
