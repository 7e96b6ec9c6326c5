"""One planner at a time: the generator and changes of slots wait for each other, per campus."""

from typing import Final

from django.db import connection

from apps.tenants.scope import current_campus_id

LOCK_CLASS: Final = 0x54494D45  # "TIME": first key of the advisory lock


def planning_lock() -> None:
    """Held until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, current_campus_id()])
