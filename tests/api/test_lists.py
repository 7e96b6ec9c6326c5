"""Lists over REST: who sees which rows, filters, orders, pages, and their number of statements."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.classrooms.models import Building, Classroom
from apps.enrollments.models import Department, Enrollment, Placement, Section, Subject, Term
from apps.tenants.scope import campus_scope
from tests.api.support import client_of, codes, rows_of
from tests.factories import Cast, enroll, make_course, make_faculty, make_student

pytestmark = pytest.mark.django_db
LISTS = (
    "students",
    "faculty",
    "terms",
    "departments",
    "sections",
    "subjects",
    "courses",
    "enrollments",
    "classrooms",
)


@pytest.fixture
def office(cast: Cast) -> APIClient:
    return client_of(cast, cast.principal)


@pytest.fixture
def lecturer(cast: Cast) -> APIClient:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def student(cast: Cast) -> APIClient:
    return client_of(cast, cast.student.user)


def grow(cast: Cast) -> None:
    """One more row in every list, seen by the lecturer of the cast, too."""
    with campus_scope(cast.campus):
        number = Subject.objects.count()
        pupil = make_student()
        department = Department.objects.create(code=f"D{number}", name="Department")
        section = Section.objects.create(department=department, year=2, name="B")
        Placement.objects.create(student=pupil, section=section)
        Term.objects.create(
            name=f"T{number}",
            academic_year="2027-2028",
            starts_on=date(2027, 9, 1),
            ends_on=date(2028, 1, 31),
        )
        building = Building.objects.create(name=f"Building {number}")
        room = Classroom.objects.create(building=building, room_number="1")
        teacher = make_faculty()
        other = make_course(faculty=teacher, code=f"O{number}-A", classroom=room)
        own = make_course(faculty=cast.lecturer, code=f"N{number}-A", classroom=room)
        own.section = section
        own.save()
        enroll(pupil, own)
        enroll(pupil, other)


def statements(client: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("who", ["office", "lecturer"])
def test_a_list_takes_the_same_number_of_statements_for_any_number_of_rows(
    cast: Cast, who: str, name: str, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(who)
    grow(cast)
    statements(client, f"/api/v1/{name}")  # the campus of the host is remembered from now on
    before = statements(client, f"/api/v1/{name}")
    for _ in range(3):
        grow(cast)
    assert statements(client, f"/api/v1/{name}") == before
    assert before <= 11


def test_the_office_sees_everybody(office: APIClient) -> None:
    assert codes(rows_of(office, "students")) == ["MATE", "REPR", "STRA", "STUD"]
    assert codes(rows_of(office, "faculty")) == ["LECT", "OUTS"]
    assert codes(rows_of(office, "courses")) == ["CS201-A", "CS305-A"]


def test_a_lecturer_sees_the_students_of_the_own_courses_once(
    cast: Cast, lecturer: APIClient
) -> None:
    with campus_scope(cast.campus):
        enroll(cast.student, make_course(faculty=cast.lecturer, code="CS400-A"))
    assert codes(rows_of(lecturer, "students")) == ["MATE", "REPR", "STUD"]
    assert codes(rows_of(lecturer, "faculty")) == ["LECT"]
    assert codes(rows_of(lecturer, "courses")) == ["CS201-A", "CS400-A"]
    assert {row["course_code"] for row in rows_of(lecturer, "enrollments")} == {
        "CS201-A",
        "CS400-A",
    }


def test_a_student_sees_nothing_but_the_own_things(cast: Cast, student: APIClient) -> None:
    assert codes(rows_of(student, "students")) == ["STUD"]
    assert codes(rows_of(student, "faculty")) == ["LECT"]
    assert codes(rows_of(student, "courses")) == ["CS201-A"]
    own = rows_of(student, "enrollments")
    assert [(row["student_code"], row["course_code"]) for row in own] == [("STUD", "CS201-A")]


def test_filters_cannot_widen_what_is_seen(cast: Cast, student: APIClient) -> None:
    assert rows_of(student, "students", search="mate") == []
    assert rows_of(student, "enrollments", student=cast.classmate.pk) == []
    assert rows_of(student, "courses", faculty=cast.outsider.pk) == []


def test_a_lecturer_who_also_studies_sees_both(cast: Cast) -> None:
    """Rows of both kinds, and none of them twice."""
    with campus_scope(cast.campus):
        assert cast.lecturer.user is not None
        pupil = make_student("BOTH", user=cast.lecturer.user, email="both@north.example")
        from apps.accounts.models import Membership

        Membership.objects.create(user=cast.lecturer.user, role="student")
        enroll(pupil, cast.other_course)
        enroll(pupil, cast.course)
    client = client_of(cast, cast.lecturer.user)
    assert codes(rows_of(client, "courses")) == ["CS201-A", "CS305-A"]
    assert codes(rows_of(client, "students")) == ["BOTH", "MATE", "REPR", "STUD"]


def test_students_are_filtered(cast: Cast, office: APIClient) -> None:
    with campus_scope(cast.campus):
        section = cast.course.section
        assert section is not None
        Placement.objects.create(student=cast.student, section=section)
        Placement.objects.create(student=cast.classmate, section=section, is_current=False)
        Enrollment.objects.filter(student=cast.classmate).update(status="dropped")
        cast.stranger.is_active = False
        cast.stranger.save()
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"section": section.pk}, ["STUD"]),
        ({"course": cast.course.pk}, ["REPR", "STUD"]),
        ({"course": cast.other_course.pk}, []),
        ({"is_active": "false"}, ["STRA"]),
        ({"is_representative": "true"}, ["REPR"]),
        ({"year_of_study": 3}, []),
        ({"search": "stu stra"}, ["STRA"]),
        ({"is_active": "true", "course": cast.course.pk, "search": "rep"}, ["REPR"]),
    ]
    for query, expected in asked:
        assert codes(rows_of(office, "students", **query)) == expected, query
    assert rows_of(office, "students", section=section.pk)[0]["section"] == "CSE-2A"


def test_courses_are_filtered(cast: Cast, office: APIClient) -> None:
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"faculty": cast.outsider.pk}, ["CS305-A"]),
        ({"subject": cast.course.subject_id}, ["CS201-A"]),
        ({"term": cast.course.term_id}, ["CS201-A", "CS305-A"]),
        ({"section": cast.course.section_id}, ["CS201-A", "CS305-A"]),
        ({"department": 999_999}, []),
        ({"is_active": "false"}, []),
        ({"search": "outs"}, ["CS305-A"]),
        ({"search": "algorithms"}, ["CS201-A", "CS305-A"]),
    ]
    for query, expected in asked:
        assert codes(rows_of(office, "courses", **query)) == expected, query
    assert [row["enrolled"] for row in rows_of(office, "courses")] == [3, 0]


def test_the_other_lists_are_filtered(cast: Cast, office: APIClient) -> None:
    with campus_scope(cast.campus):
        Subject.objects.filter(code="CS305").update(kind="lab", is_active=False)
    assert codes(rows_of(office, "subjects", kind="lab")) == ["CS305"]
    assert codes(rows_of(office, "subjects", is_active="true")) == ["CS201"]
    assert len(rows_of(office, "terms", on="2026-09-01")) == 1
    assert rows_of(office, "terms", on="2026-08-31") == []
    assert rows_of(office, "sections", year=1) == []
    assert [row["title"] for row in rows_of(office, "sections", year=2)] == ["CSE-2A"]
    assert rows_of(office, "classrooms", min_capacity=51) == []
    assert len(rows_of(office, "classrooms", building=cast.classroom.building_id)) == 1
    assert len(rows_of(office, "enrollments", course=cast.course.pk, status="enrolled")) == 3
    assert rows_of(office, "enrollments", status="dropped") == []
    assert rows_of(office, "faculty", department="physics") == []


def test_rows_come_in_the_asked_order(office: APIClient) -> None:
    assert codes(rows_of(office, "students", ordering="-code")) == ["STUD", "STRA", "REPR", "MATE"]
    assert codes(rows_of(office, "faculty", ordering="-created_at")) == ["OUTS", "LECT"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query", [{"ordering": "campus_id"}, {"ordering": "user__password"}, {"ordering": "code,name"}]
)
def test_other_orders_are_refused(office: APIClient, name: str, query: dict[str, str]) -> None:
    answer = office.get(f"/api/v1/{name}", query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "ordering"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("students", {"section": "x"}),
        ("students", {"course": "99999999999999999999"}),
        ("students", {"is_active": "perhaps"}),
        ("students", {"search": "\0"}),
        ("terms", {"on": "31.12.2026"}),
        ("enrollments", {"status": "gone"}),
    ],
)
def test_senseless_filters_are_refused(office: APIClient, name: str, query: dict[str, str]) -> None:
    assert office.get(f"/api/v1/{name}", query).status_code == 400


def test_pages_are_bounded_and_do_not_overlap(cast: Cast, office: APIClient) -> None:
    first = office.get("/api/v1/students", {"page_size": 3, "ordering": "created_at"}).json()
    second = office.get(first["next"]).json()
    assert (first["count"], len(first["results"]), len(second["results"])) == (4, 3, 1)
    seen = [row["id"] for page in (first, second) for row in page["results"]]
    assert len(set(seen)) == 4
    assert office.get("/api/v1/students", {"page": 9}).status_code == 404
    with campus_scope(cast.campus):
        Department.objects.bulk_create(
            [Department(code=f"X{number}", name="X") for number in range(210)]
        )
    asked = office.get("/api/v1/departments", {"page_size": 1_000_000}).json()
    assert (asked["count"], len(asked["results"])) == (211, 200)
    assert len(office.get("/api/v1/departments").json()["results"]) == 50


def test_rows_show_no_more_than_they_should(cast: Cast, office: APIClient) -> None:
    """Telephone numbers stand on the page of one person only; no list tells about devices."""
    row = rows_of(office, "students")[0]
    assert {"phone", "age", "user", "has_device", "devices"}.isdisjoint(row)
    detail = office.get(f"/api/v1/students/{cast.student.pk}").json()
    assert detail["has_device"] is False
    room = rows_of(office, "classrooms")[0]
    assert {"beacons", "sealed_secret"}.isdisjoint(room)
