"""Locks for what no row stands for: work of which one at a time is right on a campus."""

from typing import Final

from django.db import connection

from apps.tenants.scope import current_campus_id

KIND_BYTES: Final = 4  # of PostgreSQL's first key


def lock(kind: str, *, owner: int | None = None) -> None:
    """Whoever else asks for this kind (four ASCII letters) waits until this transaction ends.

    On the entered campus, or for `owner`, the id of another owner of such work.
    """
    name = kind.encode("ascii")
    if len(name) != KIND_BYTES:
        raise ValueError(kind)
    keys = [int.from_bytes(name), current_campus_id() if owner is None else owner]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", keys)
