"""PostgreSQL: schema, role, grants, extensions, clock, connections."""

import time
from collections.abc import Iterator
from typing import Any, Final

from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.tenants.replica import REPLICA
from apps.tenants.rights import CLOSED, TABLES
from apps.tenants.schema import missing_in

Lines = Iterator[tuple[str, str, str]]

OLDEST_SERVER: Final = 17
EXTENSIONS: Final = ("vector", "pg_trgm", "btree_gist", "citext", "unaccent")
SKEW_SECONDS: Final = (1.0, 5.0)  # warn, fail: codes change every five seconds
CONNECTIONS_SHARE: Final = 0.8
MOST_NAMED: Final = 5
REPLICA_SECONDS: Final = 60.0  # behind: reports do not wait that long, and use the primary
_VERBS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


# Where all that came was replayed, nothing is behind, however long ago something was written.
_FOLLOWS: Final = """
    SELECT pg_is_in_recovery(), CASE
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0.0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float
        END
"""


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def look_at_database(_look: Look) -> Lines:
    version = connection.get_database_version()
    number = ".".join(map(str, version))
    if version[0] < OLDEST_SERVER:
        yield WARN, f"PostgreSQL {number}", f"Upgrade it to {OLDEST_SERVER} or newer."
    else:
        yield OK, f"PostgreSQL {number}", ""
    used, limit = _rows(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
        "current_setting('max_connections')::int"
    )[0]
    text = f"{used} of {limit} connections"
    advice = "Lower DB_POOL_SIZE or the number of processes, or put PgBouncer in front."
    yield (WARN, text, advice) if used > CONNECTIONS_SHARE * limit else (OK, text, "")


def look_at_replica(_look: Look) -> Lines:
    if REPLICA not in connections:
        yield OK, "There is none: reports are read from the database itself.", ""
        return
    advice = "Reports are read from the primary meanwhile. Look at DATABASE_REPLICA_URL's server."
    try:
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(_FOLLOWS)
            follows, seconds = cursor.fetchone()
    except DatabaseError as error:
        yield WARN, f"The replica does not answer: {error}", advice
        return
    if not follows:
        yield FAIL, "DATABASE_REPLICA_URL leads to a server that follows no other.", advice
    elif seconds > REPLICA_SECONDS:
        yield WARN, f"The replica is {seconds:.0f} s behind.", advice
    else:
        yield OK, f"The replica is {seconds:.1f} s behind.", ""


def look_at_migrations(_look: Look) -> Lines:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    waiting = [f"{migration.app_label} {migration.name}" for migration, _undo in plan]
    if waiting:
        text = f"{len(waiting)} migrations are not applied: {_named(waiting)}"
        yield FAIL, text, "Run manage.py migrate."
    else:
        yield OK, "All migrations are applied.", ""


def look_at_schema(_look: Look) -> Lines:
    if missing := missing_in(connection):
        text = f"{len(missing)} objects are missing: {_named(missing)}"
        yield FAIL, text, "Run manage.py migrate; see “Incomplete schema” in the operators' guide."
    else:
        yield OK, "The schema is complete.", ""


def look_at_roles(_look: Look) -> Lines:
    """The application's role is bound by row level security and has the reviewed rights alone."""
    ((role, superuser, bypasses, owned),) = _rows(
        "SELECT rolname, rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = "
        "r.oid AND relnamespace = 'public'::regnamespace) FROM pg_roles r "
        "WHERE rolname = current_user"
    )
    if superuser or bypasses or owned:
        text = f"{role} is a superuser, passes row level security or owns tables."
        advice = "DATABASE_URL must name the application's role (deploy/postgres-init.sh)."
        yield FAIL, text, advice
        return
    lacking, beyond = _rights()
    advice = "Run manage.py migrate: it gives the role exactly its rights."
    if lacking:
        yield FAIL, f"{role} lacks rights: {_named(lacking)}", advice
    if beyond:
        yield FAIL, f"{role} has rights beyond the list: {_named(beyond)}", advice
    if not lacking and not beyond:
        yield OK, f"{role} has exactly its rights.", ""


def _rights() -> tuple[list[str], list[str]]:
    rows = _rows(
        "SELECT c.relname, v.verb, has_table_privilege(c.oid, v.verb) "
        "FROM pg_class c CROSS JOIN unnest(%s::text[]) AS v (verb) "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')",
        list(_VERBS),
    )
    lacking, beyond = [], []
    for table, verb, granted in rows:
        due = verb in TABLES.get(table, ()) and table not in CLOSED
        if due and not granted:
            lacking.append(f"{verb} on {table}")
        elif granted and not due:
            beyond.append(f"{verb} on {table}")
    return sorted(lacking), sorted(beyond)


def look_at_extensions(_look: Look) -> Lines:
    present = {name for (name,) in _rows("SELECT extname FROM pg_extension")}
    missing = [name for name in EXTENSIONS if name not in present]
    if missing:
        advice = "As a superuser: " + "; ".join(f"CREATE EXTENSION {name}" for name in missing)
        yield FAIL, f"Extensions are missing: {', '.join(missing)}", advice
    else:
        yield OK, "All extensions are installed.", ""


def look_at_clock(_look: Look) -> Lines:
    """This machine's clock against the database's: codes and tickets live for seconds."""
    before = time.time()
    ((theirs,),) = _rows("SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time.time()
    skew = max(0.0, before - theirs, theirs - after)
    warn, fail = SKEW_SECONDS
    level = FAIL if skew > fail else WARN if skew > warn else OK
    advice = "" if level == OK else "Synchronise both machines' clocks (chrony, systemd-timesyncd)."
    yield level, f"{skew:.1f} s apart from the database's clock", advice
