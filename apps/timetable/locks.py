"""One planner at a time: the generator and changes of slots wait for each other, per campus.

Slots and holidays are saved whole: whoever changes one reads it after the lock is held, or what
another planner saved meanwhile is undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, transaction

from apps.tenants.scope import current_campus_id

LOCK_CLASS: Final = 0x54494D45  # "TIME": first key of the advisory lock


@contextmanager
def planning() -> Iterator[None]:
    """A transaction that holds the lock, around reading, changing and saving."""
    with transaction.atomic():
        planning_lock()
        yield


def planning_lock() -> None:
    """Held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, current_campus_id()])
