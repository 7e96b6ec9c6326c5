"""Adding, removing and bringing back people and subjects over REST."""

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Faculty, Membership, Student, User
from apps.audit.models import Entry
from apps.enrollments.models import Course, Enrollment, Subject
from apps.tenants.scope import campus_scope
from tests.api.support import client_of
from tests.factories import Cast
from tests.phone import signed_in

pytestmark = pytest.mark.django_db
NEW = {
    "code": "N900001",
    "first_name": "Zoë",
    "last_name": "Müller",
    "email": "Zoe@North.example",
    "year_of_study": 1,
}


@pytest.fixture
def admin(cast: Cast) -> APIClient:
    return client_of(cast, cast.admin)


def logged(cast: Cast, action: str) -> int:
    with campus_scope(cast.campus):
        return Entry.objects.filter(action=action).count()


def test_an_operator_adds_a_student_with_an_account(cast: Cast) -> None:
    answer = client_of(cast, cast.operator).post("/api/v1/students", NEW)
    assert answer.status_code == 201, answer.content
    assert answer.json()["full_name"] == "Zoë Müller"
    with campus_scope(cast.campus):
        student = Student.objects.get(code="N900001")
        assert student.email == "zoe@north.example"
        assert Membership.objects.filter(user=student.user, role="student").exists()
    assert not User.objects.get(email="zoe@north.example").has_usable_password()
    assert logged(cast, "accounts.student.created") == 1


@pytest.mark.parametrize("field", ["code", "email"])
def test_a_number_or_address_is_taken_once(admin: APIClient, field: str) -> None:
    assert admin.post("/api/v1/students", NEW).status_code == 201
    other = {**NEW, "code": "N900002", "email": "other@north.example", field: NEW[field]}
    answer = admin.post("/api/v1/students", other)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "person_exists"


def test_a_year_beyond_the_programme_is_refused(admin: APIClient) -> None:
    assert admin.post("/api/v1/students", {**NEW, "year_of_study": 9}).status_code == 400


def test_an_administrator_adds_a_lecturer(cast: Cast, admin: APIClient) -> None:
    person = {"code": "F900", "first_name": "Ada", "email": "ada@north.example"}
    assert admin.post("/api/v1/faculty", person).status_code == 201
    assert admin.post("/api/v1/faculty", person).status_code == 409
    assert logged(cast, "accounts.faculty.created") == 1


def test_removing_a_student_ends_the_sign_in_and_keeps_the_history(
    cast: Cast, admin: APIClient
) -> None:
    phone = signed_in(cast, cast.student.user)
    assert phone.get("/api/v1/me").status_code == 200
    assert admin.delete(f"/api/v1/students/{cast.student.pk}").status_code == 204
    assert phone.get("/api/v1/me").status_code == 401
    with campus_scope(cast.campus):
        assert not Student.objects.get(pk=cast.student.pk).is_active
        assert Enrollment.objects.filter(student=cast.student).count() == 1
    assert admin.delete(f"/api/v1/students/{cast.student.pk}").status_code == 204
    assert logged(cast, "accounts.student.deactivated") == 1


def test_a_removed_student_comes_back(cast: Cast, admin: APIClient) -> None:
    admin.delete(f"/api/v1/students/{cast.student.pk}")
    assert admin.post(f"/api/v1/students/{cast.student.pk}/activate").status_code == 204
    assert signed_in(cast, cast.student.user).get("/api/v1/me").status_code == 200


def test_removing_a_lecturer_keeps_the_courses(cast: Cast, admin: APIClient) -> None:
    phone = signed_in(cast, cast.lecturer.user)
    assert admin.delete(f"/api/v1/faculty/{cast.lecturer.pk}").status_code == 204
    assert phone.get("/api/v1/me").status_code == 401
    with campus_scope(cast.campus):
        assert not Faculty.objects.get(pk=cast.lecturer.pk).is_active
        assert Course.objects.filter(faculty=cast.lecturer).count() == 1
    assert admin.post(f"/api/v1/faculty/{cast.lecturer.pk}/activate").status_code == 204
    assert signed_in(cast, cast.lecturer.user).get("/api/v1/me").status_code == 200


def test_a_subject_that_is_taught_stays_and_the_courses_are_named(
    cast: Cast, admin: APIClient
) -> None:
    answer = admin.delete(f"/api/v1/subjects/{cast.course.subject_id}")
    assert answer.status_code == 409
    error = answer.json()["errors"][0]
    assert error["code"] == "subject_in_use"
    assert "CS201-A" in error["detail"]
    with campus_scope(cast.campus):
        assert Subject.objects.get(pk=cast.course.subject_id).is_active


def test_a_subject_without_active_courses_rests_and_comes_back(
    cast: Cast, admin: APIClient
) -> None:
    with campus_scope(cast.campus):
        Course.objects.filter(pk=cast.course.pk).update(is_active=False)
    address = f"/api/v1/subjects/{cast.course.subject_id}"
    assert admin.delete(address).status_code == 204
    assert admin.delete(address).status_code == 204
    assert admin.get(address).json()["is_active"] is False
    assert logged(cast, "enrollments.subject.deactivated") == 1
    assert admin.post(f"{address}/activate").status_code == 204
    assert admin.get(address).json()["is_active"] is True


@pytest.mark.parametrize("kind", ["students", "faculty", "subjects"])
def test_what_does_not_exist_is_not_found(admin: APIClient, kind: str) -> None:
    for number in (999_999, 10**30):
        assert admin.get(f"/api/v1/{kind}/{number}").status_code == 404
        assert admin.delete(f"/api/v1/{kind}/{number}").status_code == 404
        assert admin.post(f"/api/v1/{kind}/{number}/activate").status_code == 404
