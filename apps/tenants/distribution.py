"""How the tables would be shared out between machines by campus, and what would stand in the way.

The rules are those of Citus for distributed tables (docs/guides/growing.md), read from PostgreSQL's
catalogue, so that a migration that breaks one is found by a test. Citus itself is not needed here.
"""

from dataclasses import dataclass, field
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections

COLUMN: Final = "campus_id"
# Read before the campus of a request is known: they stay on the coordinator, as do tables that
# have rows of the platform as well, without a campus.
LOCAL: Final = {"tenants_domain", "tenants_campusremoval"}

_TABLES: Final = """
    SELECT c.relname
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND a.attnotnull
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname
"""
# Unique indexes, those of constraints and exclusions included, and the columns they have.
_UNIQUE: Final = """
    SELECT c.relname, i.relname, array_agg(a.attname::text)
    FROM pg_index x
    JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (x.indkey)
    WHERE (x.indisunique OR x.indisexclusion) AND c.relnamespace = 'public'::regnamespace
    GROUP BY c.relname, i.relname
"""
# Foreign keys: whether the column meets itself in the other table, and what a deletion sets.
_FOREIGN: Final = """
    SELECT t.relname, o.relname, k.conname,
        EXISTS (
            SELECT FROM unnest(k.conkey, k.confkey) AS pair (here, there)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
            JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there
            WHERE a.attname = %s AND b.attname = %s
        ),
        k.confdeltype IN ('n', 'd') AND coalesce(k.confdelsetcols, k.conkey) @> ARRAY(
            SELECT a.attnum FROM pg_attribute a
            WHERE a.attrelid = k.conrelid AND a.attname = %s
        )
    FROM pg_constraint k
    JOIN pg_class t ON t.oid = k.conrelid
    JOIN pg_class o ON o.oid = k.confrelid
    WHERE k.contype = 'f' AND t.relnamespace = 'public'::regnamespace
    ORDER BY k.conname
"""
_SMALL_IDENTITIES: Final = """
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attidentity <> '' AND a.atttypid <> 'bigint'::regtype
        AND c.relnamespace = 'public'::regnamespace
"""
_TRIGGERS: Final = """
    SELECT DISTINCT c.relname, f.proname FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
    ORDER BY f.proname, c.relname
"""


@dataclass(kw_only=True)
class Distribution:
    """Names of tables; `obstacles` says in words what Citus would refuse."""

    distributed: list[str] = field(default_factory=list)
    reference: list[str] = field(default_factory=list)  # a whole copy on every machine
    triggers: dict[str, list[str]] = field(default_factory=dict)  # function → distributed tables
    obstacles: list[str] = field(default_factory=list)

    def sql(self) -> str:
        """What makes a migrated database a distributed one, on the coordinator."""
        whole = [f"SELECT create_reference_table('{table}');" for table in self.reference]
        first, *others = self.distributed
        parts = [f"SELECT create_distributed_table('{first}', '{COLUMN}');"]
        parts += [
            f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => '{first}');"
            for table in others
        ]
        return "\n".join([*whole, *parts, ""])


def distribution(using: str = DEFAULT_DB_ALIAS) -> Distribution:
    """Read the catalogue of the database behind this connection."""
    found = Distribution()
    with connections[using].cursor() as cursor:
        cursor.execute(_TABLES, [COLUMN])
        found.distributed = [table for (table,) in cursor.fetchall() if table not in LOCAL]
        shared = set(found.distributed)
        cursor.execute(_UNIQUE)
        found.obstacles += [
            f"{table}: the unique key {name} lacks {COLUMN}"
            for table, name, columns in cursor.fetchall()
            if table in shared and COLUMN not in columns
        ]
        cursor.execute(_FOREIGN, [COLUMN] * 3)
        foreign = cursor.fetchall()
        cursor.execute(_SMALL_IDENTITIES)
        found.obstacles += [
            f"{table}.{column}: an identity that is no bigint"
            for table, column in cursor.fetchall()
            if table in shared
        ]
        cursor.execute(_TRIGGERS)
        for table, function in cursor.fetchall():
            if table in shared:
                found.triggers.setdefault(function, []).append(table)
    found.reference = sorted(
        {other for table, other, *_ in foreign if table in shared and other not in shared}
    )
    found.obstacles += _obstacles_of_foreign_keys(foreign, shared, set(found.reference))
    return found


def _obstacles_of_foreign_keys(
    foreign: list[tuple[str, str, str, bool, bool]], shared: set[str], whole: set[str]
) -> list[str]:
    obstacles = []
    for table, other, name, same_campus, sets_campus in foreign:
        if table in shared and other in shared and not same_campus:
            obstacles.append(f"{table}: the foreign key {name} lacks {COLUMN}")
        if table not in shared and other in shared:
            obstacles.append(f"{table}: the foreign key {name} points to a distributed table")
        if table in shared and sets_campus:
            obstacles.append(f"{table}: the foreign key {name} sets {COLUMN} on deletion")
        if table in whole and other not in whole:
            obstacles.append(f"{table}: a reference table whose key {name} points to a local one")
    return obstacles
