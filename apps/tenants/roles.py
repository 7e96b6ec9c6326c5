"""What the application role may do: read and write rows, and nothing else."""

from typing import Any, Final

from psycopg import sql

# Rows that are written once: the application role can add to these tables but not change them.
APPEND_ONLY: Final = (
    "audit_entry",
    "audit_seal",
    "audit_bad_entry",
    "audit_platform_entry",
    "audit_platform_seal",
    "audit_platform_bad_entry",
    "audit_root",
    "audit_root_copy",
)


def grant_application_rights(cursor: Any, *, role: str) -> None:
    """Give `role` DML on every table of the schema, and only INSERT and SELECT on the audit log.

    Runs as the owner; idempotent.
    """
    name = sql.Identifier(role)
    for statement in (
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "REVOKE INSERT, UPDATE, DELETE ON TABLE django_migrations FROM {role}",
    ):
        cursor.execute(sql.SQL(statement).format(role=name))
    for table in APPEND_ONLY:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        if cursor.fetchone()[0]:
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE ON TABLE {table} FROM {role}").format(
                    table=sql.Identifier(table), role=name
                )
            )
