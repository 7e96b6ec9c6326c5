"""A live PostgreSQL database, by COPY: the text that `pg_dump` writes, and no statement more."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from apps.old_databases.server_problems import SECONDS, bad_address, server_problem
from apps.old_databases.spool import Spool
from apps.old_databases.sql_dumps import copied_cell
from apps.old_databases.sql_tokens import LONGEST, too_long

EXAMPLE: Final = "postgresql://user@host:5432/database?sslmode=require"
# As `pg_dump` sets them; rows that a policy would hide are an error, and not left out in silence.
_SETTINGS: Final = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "search_path": "",
}
# Tables, but not those of extensions, with their columns and those that are not generated, whose
# values COPY leaves out. `attgenerated` is in no version before 12.
_TABLES: Final = """
    SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum),
      array_agg(a.attname::text ORDER BY a.attnum)
        FILTER (WHERE coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '')
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
    GROUP BY n.nspname, c.relname ORDER BY n.nspname, c.relname
"""


def postgresql_read(address: str, password: str | None, spool: Spool) -> None:
    """Every table of the database, in one read-only transaction (repeatable read).

    Options of the address are libpq's (`sslmode`, `sslrootcert`, …). Raises `Invalid`.
    """
    try:
        with _connected(address, password) as server:
            server.execute(
                "SELECT " + ", ".join("set_config(%s, %s, true)" for _name in _SETTINGS),
                [part for pair in _SETTINGS.items() for part in pair],
            )
            for schema, table, defined, columns in server.execute(_TABLES).fetchall():
                spool.add_table(table, defined)
                for cells in _rows(server, schema, table, columns) if columns else ():
                    spool.add(table, columns, [copied_cell(cell) for cell in cells])
    except psycopg.Error as error:
        raise server_problem(str(error)) from None


def _connected(address: str, password: str | None) -> psycopg.Connection[Any]:
    try:
        options: dict[str, Any] = conninfo_to_dict(address)
    except psycopg.Error:
        raise bad_address(EXAMPLE) from None
    options = {"connect_timeout": SECONDS, **options, "client_encoding": "utf8"}
    if password is not None:
        options["password"] = password
    if not options.get("dbname") and not options.get("service"):
        raise bad_address(EXAMPLE)
    server = psycopg.connect(**options)
    server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    server.read_only = True
    return server


def _rows(
    server: psycopg.Connection[Any], schema: str, table: str, columns: list[str]
) -> Iterator[list[str]]:
    """Cells as COPY writes them, a message of the server at a time."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(schema, table), names)
    rest = b""
    with server.cursor() as cursor, cursor.copy(statement) as copy:
        for part in copy:
            *lines, rest = (rest + bytes(part)).split(b"\n")
            if len(rest) > LONGEST:
                raise too_long()
            for line in lines:
                yield line.decode(errors="surrogateescape").split("\t")
