"""`updated_at` moves with every change, by any code."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import connection, models

from apps.accounts.models import Student, User
from apps.enrollments.models import Term
from apps.tenants.models import TimestampedModel
from apps.tenants.operations import STAMP
from tests.factories import Cast

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


def stamped() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        and any(getattr(field, "auto_now", False) for field in model._meta.local_fields)
    ]


@pytest.mark.django_db
def test_every_table_that_remembers_changes_has_the_trigger() -> None:
    """A model that is added later is found here: `IsolateByCampus` or `StampUpdates` mends it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s AND tgenabled = 'O'",
            [STAMP],
        )
        having = {name for (name,) in cursor.fetchall()}
    ours = {model._meta.db_table for model in stamped()}
    assert having == ours
    assert {m._meta.db_table for m in stamped() if issubclass(m, TimestampedModel)} <= having
    assert len(ours) > 15


def moved(row: Any) -> bool:
    row.refresh_from_db()
    return bool(row.updated_at > LONG_AGO)


@pytest.fixture
def term(in_campus: Cast) -> Term:
    """As it was left years ago; a statement that sets the stamp itself is believed."""
    Term.objects.update(updated_at=LONG_AGO)
    term = Term.objects.get()
    assert not moved(term)
    return term


def test_an_update_of_many_rows_moves_it(term: Term) -> None:
    Term.objects.filter(pk=term.pk).update(name="Spring")
    assert moved(term)


def test_a_bulk_update_moves_it(term: Term) -> None:
    term.name = "Spring"
    Term.objects.bulk_update([term], ["name"])
    assert moved(term)


def test_saving_some_fields_moves_it(term: Term) -> None:
    term.name = "Spring"
    term.save(update_fields=["name"])
    assert moved(term)


def test_plain_sql_moves_it(term: Term) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE enrollments_term SET name = 'Spring' WHERE id = %s", [term.pk])
    assert moved(term)


def test_two_changes_move_it_twice(term: Term) -> None:
    Term.objects.filter(pk=term.pk).update(name="Spring")
    term.refresh_from_db()
    first = term.updated_at
    Term.objects.filter(pk=term.pk).update(name="Summer")
    term.refresh_from_db()
    assert term.updated_at > first


def test_a_generated_column_does_not_stand_in_the_way(in_campus: Cast) -> None:
    Student.objects.update(updated_at=LONG_AGO)
    Student.objects.filter(pk=in_campus.student.pk).update(first_name="Ada")
    assert moved(in_campus.student)
    in_campus.classmate.refresh_from_db()
    assert in_campus.classmate.updated_at == LONG_AGO


def test_signing_in_is_no_change_of_the_account(cast: Cast) -> None:
    User.objects.filter(pk=cast.admin.pk).update(updated_at=LONG_AGO)
    cast.admin.last_login = LONG_AGO
    cast.admin.save(update_fields=["last_login"])
    assert not moved(cast.admin)
    User.objects.filter(pk=cast.admin.pk).update(language="ar")
    assert moved(cast.admin)
