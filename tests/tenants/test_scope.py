"""Tenancy in Python: every way around it."""

import contextlib

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from apps.accounts.models import Membership, Student
from apps.classrooms.models import Building, Classroom
from apps.enrollments.models import Course, Enrollment
from apps.tenants.models import Campus
from apps.tenants.scope import NoCampus, WrongCampus, campus_scope, entered_campus_id
from apps.tenants.selectors import every_campus
from tests.factories import Cast, make_campus

pytestmark = pytest.mark.django_db


def test_tenant_data_cannot_be_read_without_a_campus(cast: Cast) -> None:
    with pytest.raises(NoCampus):
        Student.objects.count()


def test_a_query_belongs_to_the_campus_in_which_it_runs_not_in_which_it_was_built(
    cast: Cast, other_cast: Cast
) -> None:
    with campus_scope(cast.campus):
        students = Student.objects.order_by("pk")
    with campus_scope(other_cast.campus):
        assert {student.campus_id for student in students} == {other_cast.campus.pk}


def test_scopes_nest_and_the_outer_campus_holds_again(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        with campus_scope(other_cast.campus):
            assert Student.objects.get(code="STUD").campus_id == other_cast.campus.pk
        assert Student.objects.get(code="STUD").campus_id == cast.campus.pk
    assert entered_campus_id() is None


def test_a_rolled_back_savepoint_does_not_lose_the_campus(cast: Cast) -> None:
    with campus_scope(cast.campus):
        with contextlib.suppress(IntegrityError), transaction.atomic():
            Building.objects.create(name="Main")
        assert Student.objects.count() == 4


def test_a_scope_inside_a_longer_transaction_leaves_no_campus_behind(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Student.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_student")
        assert cursor.fetchone() == (0,)


def test_an_untouched_scope_sends_no_statement(
    cast: Cast, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(2), campus_scope(cast.campus):  # SAVEPOINT and RELEASE
        pass


def test_rows_are_stamped_with_the_entered_campus(cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert Building.objects.create(name="New").campus_id == cast.campus.pk
        (made,) = Building.objects.bulk_create([Building(name="Bulk")])
        assert made.campus_id == cast.campus.pk


def test_another_campus_cannot_be_written_by_save_or_bulk_create(
    cast: Cast, other_cast: Cast
) -> None:
    with campus_scope(cast.campus):
        with pytest.raises(WrongCampus):
            Building.objects.create(name="X", campus=other_cast.campus)
        with pytest.raises(WrongCampus):
            Building.objects.bulk_create([Building(name="X", campus=other_cast.campus)])


def test_a_row_cannot_be_moved_to_another_campus(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        with pytest.raises(WrongCampus):
            Building.objects.update(campus=other_cast.campus)
        with pytest.raises(WrongCampus):
            Building.objects.update(campus_id=other_cast.campus.pk)
        building = Building.objects.get()
        with pytest.raises(WrongCampus):
            Building.objects.bulk_update([building], ["campus"])
        building.campus_id = other_cast.campus.pk
        with pytest.raises(WrongCampus):
            building.save()


def test_the_database_refuses_to_move_a_row_even_by_hand(cast: Cast, other_cast: Cast) -> None:
    with (
        campus_scope(cast.campus),
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        cursor.execute("UPDATE classrooms_building SET campus_id = %s", [other_cast.campus.pk])


def test_a_foreign_key_by_id_cannot_point_at_another_campus(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        with pytest.raises(IntegrityError, match="_campus"), transaction.atomic():
            Classroom.objects.create(room_number="X1", building_id=other_cast.classroom.building_id)
        with pytest.raises(IntegrityError, match="_campus"), transaction.atomic():
            Course.objects.filter(pk=cast.course.pk).update(faculty_id=other_cast.lecturer.pk)
        with pytest.raises(IntegrityError, match="_campus"), transaction.atomic():
            Enrollment.objects.bulk_create(
                [
                    Enrollment(
                        student_id=other_cast.student.pk,
                        course_id=cast.course.pk,
                        enrolled_on="2026-09-01",
                    )
                ]
            )


def test_related_objects_and_the_base_manager_stay_inside(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert not Student._base_manager.filter(pk=other_cast.student.pk).exists()
        membership = Membership(user=cast.admin)
        assert membership.user.memberships.count() == 1
        assert other_cast.admin.memberships.count() == 0


def test_joins_do_not_reach_into_another_campus(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        reached = Course.objects.filter(enrollments__student__pk=other_cast.student.pk)
        assert not reached.exists()


def test_raw_queries_are_refused(cast: Cast) -> None:
    with campus_scope(cast.campus), pytest.raises(WrongCampus):
        Student.objects.raw("SELECT * FROM accounts_student")


def test_another_campus_row_cannot_be_deleted_or_updated(cast: Cast, other_cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert Enrollment.objects.filter(pk__gt=0).update(status="dropped") == 3
    with campus_scope(other_cast.campus):
        assert Enrollment.objects.filter(status="dropped").count() == 0


def test_forms_check_uniqueness_inside_the_campus(cast: Cast, other_cast: Cast) -> None:
    from django.core.exceptions import ValidationError

    with campus_scope(cast.campus):
        with pytest.raises(ValidationError):
            Building(name="Main").full_clean()
        Building(name="Other").full_clean()


def test_every_campus_names_its_reason_and_still_needs_each_scope(
    cast: Cast, other_cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    seen = []
    for campus in every_campus(reason="a nightly test"):
        with pytest.raises(NoCampus):
            Student.objects.count()
        with campus_scope(campus):
            seen.append(Student.objects.count())
    assert seen == [4, 4]
    assert "a nightly test" in caplog.text


def test_inactive_campuses_are_left_alone(cast: Cast) -> None:
    make_campus("closed", is_active=False)
    assert "closed" not in {campus.slug for campus in every_campus(reason="test")}
    assert Campus.objects.filter(slug="closed").exists()
