"""Whatever an administrator changes in the administration stands in the audit log.

Every field of every form is changed by itself, every action is called: where rows are other rows
afterwards, there has to be an entry.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.db import models
from django.test import Client

from apps.audit.models import Entry
from apps.tenants.models import CampusModel
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.admin.test_admin_queries import a_lot
from tests.admin.test_crafted_posts import VISITS, contents
from tests.conftest import NOW, Scene
from tests.factories import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_filled")]

OURS: Final = sorted(
    (model for model in admin.site._registry if issubclass(model, CampusModel)),
    key=lambda model: model._meta.label,
)
# What is tried in a field, until the form takes something: a secret, a text, numbers, a day.
TRIED: Final = (bytes(range(16)).hex(), "other", "7", "0.5", "2026-09-20", "10:15", "a@b.example")
# Messages that somebody is sent, and what is kept to work on later: no change of anything.
BESIDE: Final = VISITS | {"notifications_message", "notifications_delivery"}


@pytest.fixture(scope="module")
def _filled(scene: Scene) -> None:
    scene(lambda cast: a_lot(cast.campus, range(1), NOW))


@pytest.fixture
def client(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def entries(cast: Cast) -> int:
    with campus_scope(cast.campus):
        return Entry.objects.count()


class Watch:
    """Says after each form that is sent what it changed."""

    def __init__(self, cast: Cast, client: Client) -> None:
        self._cast, self._client = cast, client
        self._before, self._noted = contents(cast.campus), entries(cast)

    def unaudited(self, path: str, form: dict[str, Any]) -> tuple[bool, set[str]]:
        """Whether something changed, and which tables without an entry."""
        cache.clear()
        assert self._client.post(path, form).status_code < 500
        before, noted = self._before, self._noted
        self._before, self._noted = contents(self._cast.campus), entries(self._cast)
        changed = {table for table in before if self._before[table] != before[table]} - BESIDE
        return bool(changed), changed if changed and self._noted == noted else set()


def others(field: forms.Field, value: Any) -> Iterator[Any]:
    if isinstance(field, forms.BooleanField):
        yield "" if value in (True, "on") else "on"
    elif isinstance(field, forms.ModelChoiceField):
        yield from (row.pk for row in field.queryset[:3] if row.pk != value)
    elif isinstance(field, forms.MultipleChoiceField):
        yield from ([key] for key, _label in field.choices if [key] != value)
    elif isinstance(field, forms.ChoiceField):
        yield from (key for key, _label in field.choices if key not in ("", value))
    else:
        yield from TRIED


def one_row(cast: Cast, model: type[models.Model]) -> Any:
    with campus_scope(cast.campus):
        return model._default_manager.order_by("pk").values_list("pk", flat=True).first()


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_field_that_is_changed_leaves_an_entry(
    cast: Cast, client: Client, model: type[models.Model]
) -> None:
    key, watch = one_row(cast, model), Watch(cast, client)
    page = client.get(url(model, "change", key))
    form = page.context["adminform"].form if page.status_code == 200 else forms.Form()
    silent = {}
    for name, field in form.fields.items():
        bound = form[name]
        with campus_scope(cast.campus):
            tried = list(others(field, bound.value()))
        for value in tried:
            whole = fields_of(client.get(url(model, "change", key)))
            whole[bound.html_name] = value
            changed, tables = watch.unaudited(url(model, "change", key), whole)
            if tables:
                silent[name] = tables
            if changed:
                break
    assert silent == {}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_action_leaves_an_entry(
    cast: Cast, client: Client, model: type[models.Model]
) -> None:
    key, silent = one_row(cast, model), {}
    watch = Watch(cast, client)
    names = [
        act if isinstance(act, str) else act.__name__
        for act in admin.site._registry[model].actions or ()
    ]
    for name in names:
        form = {"action": name, "_selected_action": [key]}
        _changed, tables = watch.unaudited(url(model, "changelist"), form)
        if tables:
            silent[name] = tables
    assert silent == {}
