"""Posts to every page of the administration with fields that no form shows, and rows of others.

Each form gets every column of its model, the campus, keys of the other campus in every foreign
key, rows of other parents in every inline, and what Django reads besides.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, models
from django.test import Client

from apps.accounts.models import User
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope
from tests.admin.support import url
from tests.admin.test_admin_queries import a_lot
from tests.factories import Cast

pytestmark = pytest.mark.django_db

MODELS: Final = sorted(admin.site._registry, key=lambda model: model._meta.label)
TABLES: Final = sorted(
    {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
)
TENANT: Final = {
    model._meta.db_table for model in apps.get_models() if issubclass(model, CampusModel)
}
# What a visit leaves: the session, and entries of who read the log.
VISITS: Final = {"django_session", "audit_entry"}
Asked = tuple[str, dict[str, Any]]


def contents(campus: Campus) -> dict[str, str]:
    """Table → a digest of the rows that this campus can see."""
    parts = [
        f"SELECT '{table}', md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} t"
        for table in TABLES
    ]
    with campus_scope(campus), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return dict(cursor.fetchall())


def keys(campus: Campus) -> dict[type[models.Model], list[Any]]:
    with campus_scope(campus):
        return {
            model: list(model._default_manager.order_by("pk").values_list("pk", flat=True)[:3])
            for model in MODELS
            if issubclass(model, CampusModel)
        }


def a_value(column: models.Field, theirs: dict[Any, list[Any]], stranger: User) -> Any:
    if isinstance(column, models.ForeignKey):
        related: Any = column.related_model
        return stranger.pk if related is User else (theirs.get(related) or [999999])[-1]
    if column.choices:
        return list(column.choices)[-1][0]
    kinds: list[tuple[type[models.Field], Any]] = [
        (models.BooleanField, "on"),
        (models.EmailField, stranger.email),
        (models.DateTimeField, "2026-09-15 10:00"),
        (models.DateField, "2026-09-15"),
        (models.TimeField, "10:00"),
        (models.JSONField, '{"a": 1}'),
        (models.IntegerField, 7),
        (models.DecimalField, 7),
        (models.FloatField, 7),
    ]
    return next((value for kind, value in kinds if isinstance(column, kind)), "crafted")


def crafted(
    model: type[models.Model], theirs: dict[Any, list[Any]], stranger: User
) -> dict[str, Any]:
    form: dict[str, Any] = {"campus_id": theirs[Campus][0], "_popup": "1", "_to_field": "id"}
    form |= {"roles": ["admin"], "is_superuser": "on"}
    for column in model._meta.concrete_fields:
        if not column.primary_key:
            form[column.name] = a_value(column, theirs, stranger)
        if isinstance(column, models.DateTimeField):
            form |= {f"{column.name}_0": "2026-09-15", f"{column.name}_1": "10:00"}
    return form | inlines(model, theirs, stranger)


def inlines(
    model: type[models.Model], theirs: dict[Any, list[Any]], stranger: User
) -> dict[str, Any]:
    """For everything that points at the model: rows of other parents, and one that is new."""
    form: dict[str, Any] = {}
    for relation in model._meta.related_objects:
        prefix = relation.get_accessor_name()
        rows = theirs.get(relation.related_model, [])
        form |= {f"{prefix}-TOTAL_FORMS": len(rows) + 1, f"{prefix}-INITIAL_FORMS": len(rows)}
        for number in range(len(rows) + 1):
            for column in relation.related_model._meta.concrete_fields:
                name = f"{prefix}-{number}-{column.name}"
                if not column.primary_key:
                    form[name] = a_value(column, theirs, stranger)
                elif number < len(rows):
                    form[name] = rows[number]
        form[f"{prefix}-0-DELETE"] = "on"
    return form


def requests(
    model: type[models.Model],
    ours: dict[Any, list[Any]],
    theirs: dict[Any, list[Any]],
    stranger: User,
) -> Iterator[Asked]:
    form = crafted(model, theirs, stranger)
    yield url(model, "add"), form
    for key in (*ours.get(model, [])[:1], *theirs.get(model, [])[:1]):
        yield url(model, "change", key), form
    for key in theirs.get(model, [])[:1]:
        yield url(model, "delete", key), {"post": "yes"}
    actions = admin.site._registry[model].actions or ()
    for action in (act if isinstance(act, str) else act.__name__ for act in actions):
        chosen = {"action": action, "_selected_action": theirs.get(model, [])}
        yield url(model, "changelist"), chosen


@pytest.mark.parametrize("who", ["admin", "operator"])
def test_crafted_posts_change_nothing_that_is_not_the_writer_s(
    cast: Cast, other_cast: Cast, now: datetime, who: str
) -> None:
    """Of another campus and of the platform nobody changes anything; on the own one an operator
    has no form that takes such a post. Slow: it walks through every page of every model. Whom no
    page lets in stands in `tests/test_permissions.py`."""
    a_lot(cast.campus, range(1), now)
    a_lot(other_cast.campus, range(50, 51), now)
    client = Client(headers={"host": cast.host}, raise_request_exception=False)
    client.force_login(getattr(cast, who))
    ours, theirs = keys(cast.campus), keys(other_cast.campus)
    theirs[Campus] = [other_cast.campus.pk]
    here, there = contents(cast.campus), contents(other_cast.campus)
    broken = []
    for model in MODELS:
        for path, form in requests(model, ours, theirs, other_cast.principal):
            cache.clear()
            status = client.post(path, form).status_code
            if status >= 500:
                broken.append((path, status))
    assert broken == []
    after, after_there = contents(cast.campus), contents(other_cast.campus)
    changed = {table for table in TABLES if after[table] != here[table]} - VISITS
    abroad = {table for table in TABLES if after_there[table] != there[table]} - VISITS
    assert abroad == set()
    assert changed <= TENANT
    if who != "admin":
        assert changed == set()
