"""Working as the owner's role, for what the application's may not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from apps.backup.errors import BackupFailed
from apps.common.rows import table_name
from apps.tenants.models import Campus

OWNER: Final = "owner"
_IS_OWNER: Final = """
    SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = %s::regclass
"""


@contextmanager
def as_owner() -> Iterator[None]:
    """Everything in this thread is done by the owner's role, in one connection.

    Row level security holds for it too. Raises `BackupFailed` where DATABASE_OWNER_URL is missing
    or refused.
    """
    usual = connections[DEFAULT_DB_ALIAS]
    owner = connections[OWNER]
    problem = ""
    try:
        with owner.cursor() as cursor:
            cursor.execute(_IS_OWNER, [table_name(Campus)])
            if not cursor.fetchone()[0]:
                problem = f"{owner.settings_dict['USER']} owns no tables"
    except DatabaseError as error:
        problem = f"{error}"
    if problem:
        message = f"This needs the owner's role, as migrate does (DATABASE_OWNER_URL): {problem}"
        raise BackupFailed(message)
    connections[DEFAULT_DB_ALIAS] = owner
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
