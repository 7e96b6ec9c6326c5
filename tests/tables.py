"""Empties the tables between tests that commit: the application itself never may."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from psycopg import sql

from apps.processes.embedded.layout import APPLICATION, SUPERUSER
from tests import services

# What `migrate` fills.
KEPT: Final = frozenset(
    {
        *("django_migrations", "django_content_type", "auth_permission"),
        *("tenants_masterkey", "campus_signing_key"),
    }
)
FILLED: Final = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""


def empty() -> None:
    """Empty every table that a test has written to; identities count on.

    On a server of our own by deleting as its superuser, without triggers and foreign keys (10 ms);
    on a named one by truncating as the owner (300 ms).
    """
    with _connection() as connection:
        names = [sql.Identifier(name) for name in sorted(_filled(connection) - KEPT)]
        if not names:
            return
        if services.STACK is None:
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(names)))
            return
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            deletes = (sql.SQL("DELETE FROM {}").format(name) for name in names)
            connection.execute(sql.SQL("; ").join(deletes))


def end_sessions() -> None:
    """Of the application's role, so that a pooler's next ones begin with what `migrate` has set."""
    if services.STACK is not None:
        with _connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                [APPLICATION],
            )


def _filled(connection: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in connection.execute(FILLED)}


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    """Beside Django's connections, which are those of the test."""
    named = settings.DATABASES["owner"]
    facts = {
        "host": named["HOST"],
        "port": named["PORT"] or None,
        "dbname": named["NAME"],
        "user": named["USER"],
        "password": named["PASSWORD"] or None,
    }
    if services.STACK is not None:
        facts |= {"user": SUPERUSER, "password": None}
    with psycopg.connect(**facts, autocommit=True) as connection:
        yield connection
