"""Every index earns what it costs on each write."""

import pytest
from django.apps import apps
from django.db import connection

from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

pytestmark = pytest.mark.django_db

# Columns in order; "" for an expression.
PLAIN_INDEXES = """
SELECT found.indexrelid::regclass::text, found.indisunique, found.indpred IS NOT NULL,
    array(
        SELECT coalesce(attribute.attname::text, '')
        FROM unnest(found.indkey::smallint[]) WITH ORDINALITY AS key (number, place)
        LEFT JOIN pg_attribute attribute
            ON attribute.attrelid = found.indrelid AND attribute.attnum = key.number
        ORDER BY key.place
    )
FROM pg_index found
JOIN pg_class named ON named.oid = found.indexrelid
JOIN pg_am method ON method.oid = named.relam AND method.amname = 'btree'
WHERE found.indrelid = %s::regclass
"""


def tenant_columns(model: type[CampusModel]) -> set[str]:
    """Columns that lead to rows of the same campus."""
    keys = [field for field in model._meta.fields if isinstance(field, CampusForeignKey)]
    return {field.column for field in keys}


def covers(wide: list[str], narrow: list[str], tenants: set[str]) -> bool:
    """Whether the wide index answers all that the narrow one does.

    Every look-up of a row by another one of its campus knows the campus, by row level security if
    not otherwise. Accounts and face models are looked up from without.
    """
    if wide[0] == "campus_id" and narrow[0] in tenants:
        wide = wide[1:]
    return wide[: len(narrow)] == narrow


def test_no_index_begins_another() -> None:
    wasted = []
    for model in apps.get_models():
        if not issubclass(model, CampusModel):
            continue
        tenants = tenant_columns(model)
        with connection.cursor() as cursor:
            cursor.execute(PLAIN_INDEXES, [model._meta.db_table])
            found = cursor.fetchall()
        assert found
        for name, is_unique, is_partial, columns in found:
            if is_unique or is_partial or "" in columns:
                continue
            wasted += [
                f"{name} {columns}: {other} {theirs}"
                for other, _unique, partial, theirs in found
                if other != name and not partial and covers(theirs, columns, tenants)
            ]
    assert wasted == []
