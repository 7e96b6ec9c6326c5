"""What the database has to contain, and what of it one lacks.

A migration that was edited after it had been applied leaves a database that says “No migrations to
apply” and lacks indexes, constraints or triggers. So a file lists every object that the migrations
make, `migrate` compares the database with it at its end, and processes that live long do so when
they start. What a database has beyond the list is its operator's matter.
"""

import logging
import re
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

logger = logging.getLogger(__name__)

LIST: Final = Path(__file__).with_name("schema.txt")
MOST_NAMED: Final = 20
# How expressions are written depends on these, and on more: see `_compared`.
_WRITTEN_ALIKE: Final = (
    "SET LOCAL search_path = public, pg_catalog; SET LOCAL datestyle = 'ISO, MDY'; "
    "SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'"
)
_CASTS: Final = re.compile(r"::(?:character varying|timestamp with(?:out)? time zone|\w+)(?:\[\])?")
# Ours by the label of its app; of the libraries' tables only our triggers.
_OURS: Final = "c.relnamespace = 'public'::regnamespace AND c.relname ~ %(ours)s"
_OBJECTS: Final = f"""
    SELECT 'column ' || c.relname || '.' || a.attname || ' '
        || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
        || CASE a.attidentity WHEN '' THEN '' ELSE ' identity' END
        || coalesce(
            CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END
            || pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND {_OURS}
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisvalid AND {_OURS}
    UNION ALL
    SELECT 'constraint ' || c.relname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype <> 'n' AND k.convalidated AND {_OURS}
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
        AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'row security ' || c.relname
        || CASE WHEN c.relforcerowsecurity THEN ' forced' ELSE '' END
    FROM pg_class c WHERE c.relrowsecurity AND {_OURS}
    UNION ALL
    SELECT 'policy ' || c.relname || '.' || p.polname || ' for ' || p.polcmd::text
        || ' using ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '')
        || ' check ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {_OURS}
    UNION ALL
    SELECT 'function ' || f.oid::regprocedure || ' '
        || coalesce(pg_get_function_sqlbody(f.oid), md5(f.prosrc))
        || coalesce(' set ' || array_to_string(f.proconfig, '; '), '')
        || CASE WHEN f.prosecdef THEN ' security definer' ELSE '' END
    FROM pg_proc f
    WHERE f.pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e'
    )
"""  # noqa: S608  (constants)


class IncompleteSchema(CommandError):
    """The database lacks objects that its migrations say it has."""

    def __init__(self, missing: list[str]) -> None:
        named = "\n".join(f"  {line}" for line in missing[:MOST_NAMED])
        more = len(missing) - MOST_NAMED
        rest = f"\n  and {more} more" if more > 0 else ""
        super().__init__(
            f"This database lacks {len(missing)} objects of its schema:\n{named}{rest}\n"
            "Run `manage.py migrate`. If it says that there is nothing to apply, the database was "
            "made by other migrations than these: see “Incomplete schema” in "
            "docs/guides/operators.md. After writing a migration: `manage.py schema --write`."
        )


def objects(connection: Any) -> list[str]:
    """Every object of the schema in this database, one line each, sorted. One statement."""
    labels = {app.label for app in apps.get_app_configs() if app.name.startswith("apps.")}
    ours = f"^({'|'.join(sorted(labels))}|search_entry|campus_)"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_WRITTEN_ALIKE)
        cursor.execute(_OBJECTS, {"ours": ours})
        return sorted(" ".join(line.split()) for (line,) in cursor.fetchall())


def expected() -> list[str]:
    return LIST.read_text().splitlines()


def missing_in(connection: Any) -> list[str]:
    present = {_compared(line) for line in objects(connection)}
    return [line for line in expected() if _compared(line) not in present]


def _compared(line: str) -> str:
    """Without casts and brackets: a restored dump has others, for the same meaning.

    `ANY ((ARRAY['a'::varchar])::text[])` comes back as `ANY (ARRAY[('a'::varchar)::text])`.
    """
    return re.sub(r"[()\s]", "", _CASTS.sub("", line))


def confirm_schema(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Raises `IncompleteSchema` where the database of this alias lacks something."""
    if missing := missing_in(connections[alias]):
        raise IncompleteSchema(missing)


def confirm_schema_at_start() -> None:
    """For processes that live long. Where the database is away they start all the same."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        confirm_schema()
    except DatabaseError as error:
        logger.warning("The schema could not be compared yet: %s", error)
    finally:
        connection.close()  # nothing to be inherited by forked processes
        connection.close_pool()  # type: ignore[attr-defined]
