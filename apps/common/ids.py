"""Ids that are ordered by time: what is written together lies together (RFC 9562, UUIDv7)."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import Func

RANDOM_BITS: Final = 62
FIRST: Final = UUID(int=0)
_LAST_MOMENT: Final = 253_402_300_799_000  # milliseconds: what Python's years reach to
_LAST_RANDOM: Final = (1 << RANDOM_BITS) - 1

# The same in the database, for rows that statements make there: PostgreSQL has uuidv7() from 18 on.
UUID7_FUNCTION: Final = """
CREATE FUNCTION campus_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        overlay(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(micros / 1000) FROM 3) FROM 1 FOR 6
            )
            PLACING int2send((28672 + (micros % 1000) * 4096 / 1000)::smallint) FROM 7 FOR 2
        ), 'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) AS clock
$$
"""


def uuid7(nanoseconds: int | None = None, *, random: int | None = None) -> UUID:
    """A version 7 UUID of this moment (Unix time), or of the given one.

    48 bits of milliseconds and, in the place of the first random bits, 12 bits of a fraction of one
    (RFC 9562, section 6.2, method 3): ids of one process are ordered to about 0.25 µs. `random`:
    the last 62 bits, for an id that two processes have to make alike.
    """
    now = time.time_ns() if nanoseconds is None else nanoseconds
    milliseconds, rest = divmod(now, 1_000_000)
    low = secrets.randbits(RANDOM_BITS) if random is None else random & _LAST_RANDOM
    fraction = rest * 4096 // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | low)


def moment_of(known: UUID) -> datetime:
    """When the id was made, by itself, to a millisecond; at the latest in the year 9999."""
    return datetime.fromtimestamp(min(known.int >> 80, _LAST_MOMENT) / 1000, tz=UTC)


def earlier(known: UUID, by: timedelta) -> UUID:
    """An id below all that were made later than `by` before this one; for ranges of time."""
    milliseconds = (known.int >> 80) - by // timedelta(milliseconds=1)
    return UUID(int=max(0, milliseconds) << 80)


class TimeOrderedKey(models.UUIDField):
    """The primary key of a table that grows by the minute.

    Inserts go to the end of the index, and a range of ids is a range of time: partitions by month
    need no other column.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options |= {
            "primary_key": True,
            "default": uuid7,
            "db_default": Func(function="campus_uuid7"),
            "editable": False,
        }
        super().__init__(*arguments, **options)

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        for implied in ("primary_key", "default", "db_default", "editable"):
            options.pop(implied, None)
        return name, path, arguments, options
