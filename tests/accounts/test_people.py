"""Making people, giving and taking roles, and closing a campus to somebody."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import Faculty, Membership, Role, Student, User
from apps.accounts.permissions import may_enter, roles_of
from apps.accounts.requests import request_faculty, request_student
from apps.accounts.selectors import student_of
from apps.accounts.services import (
    faculty_create,
    membership_add,
    membership_deactivate,
    person_deactivate,
    student_create,
)
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Forbidden, Invalid, Refused
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD, Cast


def student(now: datetime, **fields: Any) -> Student:
    given = {"code": "N210595", "first_name": "Ada", "email": "Ada@North.example", **fields}
    return student_create(now=now, actor=SYSTEM, **given)


def faculty(now: datetime, **fields: Any) -> Faculty:
    given = {"code": "F-7/b", "first_name": "Alan", "email": "alan@north.example", **fields}
    return faculty_create(now=now, actor=SYSTEM, **given)


class FakeRequest:
    """What the permission functions read of a request."""

    def __init__(self, user: User | None) -> None:
        self.user = user


def test_student_comes_with_account_and_role(in_campus: Cast, now: datetime) -> None:
    made = student(now, last_name="Lovelace", phone="+4915112345678", year_of_study=4)
    made.refresh_from_db()
    assert made.full_name == "Ada Lovelace"
    assert made.user is not None
    assert (made.user.email, made.user.name) == ("ada@north.example", "Ada Lovelace")
    assert roles_of(made.user) == {Role.STUDENT}
    assert Entry.objects.filter(action="accounts.student.created", target_id=made.pk).exists()


def test_account_has_no_usable_password_unless_one_is_given(in_campus: Cast, now: datetime) -> None:
    without = faculty(now).user
    given = student(now, password=PASSWORD).user
    assert without is not None
    assert given is not None
    assert not without.has_usable_password()
    assert given.check_password(PASSWORD)
    assert given.must_change_password


@pytest.mark.parametrize(
    "wrong",
    [
        {"year_of_study": 0},
        {"year_of_study": 5},
        {"email": "no address"},
        {"phone": "0151 123"},
        {"phone": "+49 151"},
        {"code": "spa ce"},
        {"code": ""},
        {"first_name": ""},
        {"age": 200},
    ],
)
def test_wrong_fields_are_named(in_campus: Cast, now: datetime, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        student(now, **wrong)
    assert refusal.value.code == "invalid_person"
    assert set(refusal.value.extra["fields"]) == set(wrong)
    assert not User.objects.filter(email="ada@north.example").exists()


def test_years_of_study_follow_the_campus(in_campus: Cast, now: datetime) -> None:
    type(in_campus.campus).objects.filter(pk=in_campus.campus.pk).update(years_of_study=5)
    assert student(now, year_of_study=5).year_of_study == 5


@pytest.mark.parametrize("year", [0, -1])
def test_the_database_itself_refuses_a_year_below_one(in_campus: Cast, year: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Student.objects.filter(pk=in_campus.student.pk).update(year_of_study=year)


@pytest.mark.parametrize(
    "twin",
    [
        {"code": "n210595", "email": "other@north.example"},
        {"code": "N2", "email": "ADA@north.example"},
    ],
)
def test_number_and_e_mail_are_unique_on_a_campus(
    in_campus: Cast, now: datetime, twin: dict[str, Any]
) -> None:
    student(now)
    with pytest.raises(Refused) as refusal:
        student(now, **twin)
    assert (refusal.value.code, refusal.value.status) == ("person_exists", 409)


def test_faculty_phone_is_unique_on_a_campus(in_campus: Cast, now: datetime) -> None:
    faculty(now, phone="+4915112345678")
    with pytest.raises(Refused):
        faculty(now, code="F8", email="b@north.example", phone="+4915112345678")


def test_role_is_given_once_taken_and_given_back(in_campus: Cast, now: datetime) -> None:
    user = in_campus.operator
    for _again in range(2):
        added = membership_add(user=user, role=Role.PRINCIPAL, now=now, actor=SYSTEM)
    assert Entry.objects.filter(action="accounts.role.given").count() == 1
    membership_deactivate(membership=added, now=now, actor=SYSTEM)
    assert roles_of(User.objects.get(pk=user.pk)) == {Role.OPERATOR}
    membership_add(user=user, role=Role.PRINCIPAL, now=now, actor=SYSTEM)
    assert Membership.objects.filter(user=user, role=Role.PRINCIPAL, is_active=True).count() == 1


def test_unknown_role_is_refused(in_campus: Cast, now: datetime) -> None:
    with pytest.raises(Invalid):
        membership_add(user=in_campus.operator, role="super_admin", now=now, actor=SYSTEM)


def test_leaving_one_campus_keeps_the_other(cast: Cast, other_cast: Cast, now: datetime) -> None:
    user = cast.lecturer.user
    assert user is not None
    with campus_scope(other_cast.campus):
        membership_add(user=user, role=Role.FACULTY, now=now, actor=SYSTEM)
    with campus_scope(cast.campus):
        person_deactivate(user=user, now=now, actor=SYSTEM)
        assert not may_enter(User.objects.get(pk=user.pk))
        assert not Faculty.objects.get(pk=cast.lecturer.pk).is_active
    with campus_scope(other_cast.campus):
        assert may_enter(User.objects.get(pk=user.pk))


def test_students_do_not_pass_as_faculty_nor_faculty_as_students(in_campus: Cast) -> None:
    learner, teacher = FakeRequest(in_campus.student.user), FakeRequest(in_campus.lecturer.user)
    assert request_student(learner) == in_campus.student
    assert request_faculty(teacher) == in_campus.lecturer
    with pytest.raises(Forbidden, match="faculty"):
        request_faculty(learner)
    with pytest.raises(Forbidden, match="students"):
        request_student(teacher)


def test_profile_needs_its_role(in_campus: Cast) -> None:
    Membership.objects.filter(user=in_campus.student.user).update(is_active=False)
    assert student_of(user=in_campus.student.user) is None


def test_profile_is_found_in_one_query(in_campus: Cast, django_assert_num_queries: Any) -> None:
    request = FakeRequest(in_campus.student.user)
    assert Student.objects.exists()  # the campus is announced to the database by now
    with django_assert_num_queries(1):
        assert request_student(request) is request_student(request)
