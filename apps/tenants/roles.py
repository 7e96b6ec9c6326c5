"""What the application role may do: what `rights.py` lists, and nothing else."""

from collections.abc import Iterable
from typing import Any, Final

from psycopg import sql

from apps.tenants.rights import CLOSED, FUNCTIONS, TABLES
from apps.tenants.signed import signing_keys

SEARCH_PATH: Final = "public, pg_temp"  # pg_catalog comes first by itself; temporary tables last
FUNCTION_PATH: Final = "pg_catalog, public, pg_temp"
OWNER_LIMITS: Final = {"lock_timeout": "1min", "idle_in_transaction_session_timeout": "10min"}

_OWN_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND pg_has_role(relowner, 'MEMBER')
"""
# Functions of our own, by signature; extensions bring theirs.
_OWN_FUNCTIONS: Final = """
    SELECT p.oid::regprocedure::text, p.prosqlbody IS NULL
        AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false)
    FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace AND pg_has_role(proowner, 'MEMBER')
        AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'
        )
"""


def grant_application_rights(cursor: Any, *, role: str) -> None:
    """Give `role` exactly what `rights.py` lists. Runs as the owner; idempotent."""
    name = sql.Identifier(role)
    _run(
        cursor,
        [
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
            "GRANT USAGE ON SCHEMA public TO {role}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {role}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        ],
        role=name,
    )
    _grant_tables(cursor, name)
    _grant_functions(cursor, name)
    cursor.execute("SELECT current_database()")
    database = sql.Identifier(cursor.fetchone()[0])
    no_temporary = "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {role}"
    _run(cursor, [no_temporary], role=name, database=database)


def _run(cursor: Any, statements: Iterable[str], **names: sql.Composable) -> None:
    for statement in statements:
        cursor.execute(sql.SQL(statement).format(**names))


def _grant_tables(cursor: Any, role: sql.Identifier) -> None:
    cursor.execute(_OWN_TABLES)
    for (table,) in cursor.fetchall():
        verbs = TABLES.get(table, ())
        if verbs and table not in CLOSED:
            grant = f"GRANT {', '.join(verbs)} ON TABLE {{table}} TO {{role}}"
            _run(cursor, [grant], table=sql.Identifier(table), role=role)


def _grant_functions(cursor: Any, role: sql.Identifier) -> None:
    """Whose search path is open gets a fixed one; who may call which."""
    cursor.execute(_OWN_FUNCTIONS)
    for signature, has_open_path in cursor.fetchall():
        function = sql.SQL(signature)
        statements = ["REVOKE ALL ON FUNCTION {function} FROM PUBLIC, {role}"]
        if has_open_path:
            statements.append(f"ALTER FUNCTION {{function}} SET search_path = {FUNCTION_PATH}")
        if signature in FUNCTIONS:
            statements.append("GRANT EXECUTE ON FUNCTION {function} TO {role}")
        _run(cursor, statements, function=function, role=role)


def keep_signing_keys(cursor: Any) -> None:
    """Tell the database the keys of signed acts, which come from the master key."""
    cursor.execute(
        "INSERT INTO campus_signing_key (inner_key, outer_key) VALUES (%s, %s) "
        "ON CONFLICT (id) DO UPDATE "
        "SET inner_key = excluded.inner_key, outer_key = excluded.outer_key",
        signing_keys(),
    )


def keep_defaults(cursor: Any, settings: dict[str, str]) -> None:
    """What each later session of this role in this database begins with. A role may say so itself.

    Defaults of the role hold behind a pooler as well, which passes no settings on.
    """
    cursor.execute("SELECT current_user, current_database()")
    role, database = map(sql.Identifier, cursor.fetchone())
    for name, value in settings.items():
        change = f"ALTER ROLE {{role}} IN DATABASE {{database}} SET {name} = {{value}}"
        values = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
        _run(cursor, [change], role=role, database=database, value=values)
