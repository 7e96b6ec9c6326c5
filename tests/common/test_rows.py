"""Fixed queries give what the ORM gives."""

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Student
from apps.common.rows import FixedQuery
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def test_a_row_is_as_the_orm_reads_it(in_campus: Cast) -> None:
    campus = in_campus.campus
    campus.email_domains = ["north.example", "students.north.example"]
    campus.save()
    with CaptureQueriesContext(connection) as queries:
        found = FixedQuery(Campus, "id = %s").first(campus.pk)
    assert len(queries) == 1
    assert found is not None
    expected = Campus.objects.get(pk=campus.pk)
    assert model_to_dict(found) == model_to_dict(expected)
    assert found.email_domains == ["north.example", "students.north.example"]


def test_it_can_be_changed_and_saved(in_campus: Cast) -> None:
    student = FixedQuery(Student, "id = %s").first(in_campus.student.pk)
    assert student is not None
    student.last_name = "Changed"
    student.save()
    in_campus.student.refresh_from_db()
    assert in_campus.student.last_name == "Changed"


def test_nobody_is_none(in_campus: Cast) -> None:
    assert FixedQuery(Student, "id = %s").first(0) is None


def test_another_campus_stays_out_of_reach(cast: Cast, other_cast: Cast) -> None:
    """Row-level security holds here as well, whatever the condition says."""
    reader = FixedQuery(Student, "id = %s")
    with campus_scope(cast.campus):
        assert reader.first(other_cast.student.pk) is None
    with campus_scope(other_cast.campus):
        assert reader.first(other_cast.student.pk) == other_cast.student
