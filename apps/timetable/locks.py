"""One planner at a time: the generator and changes of slots wait for each other, per campus.

Slots and holidays are saved whole: whoever changes one reads it after the lock is held, or what
another planner saved meanwhile is undone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from apps.tenants.locks import lock


@contextmanager
def planning() -> Iterator[None]:
    """A transaction that holds the lock, around reading, changing and saving."""
    with transaction.atomic():
        planning_lock()
        yield


def planning_lock() -> None:
    """Held until the caller's transaction ends."""
    lock("TIME")
