"""The search of people and courses: parts of words, accents, tenancy, and its index."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Student
from apps.enrollments.models import Course, Subject
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.search import matching
from tests.api.support import client_of
from tests.factories import Cast, enroll, make_campus, make_course, make_faculty, make_student

NAMES = [
    ("Anna", "Weiß"),
    ("Joanna", "Müller"),
    ("Élodie", "Ångström"),
    ("Zoë", "100%_Sure"),
    ("Ali", "Back\\slash"),
    ("İpek", "Şahin"),
]


@pytest.fixture
def named(cast: Cast) -> Cast:
    with campus_scope(cast.campus):
        for number, (first, last) in enumerate(NAMES):
            make_student(f"P{number}", first_name=first, last_name=last)
    return cast


@pytest.fixture
def office(named: Cast) -> APIClient:
    return client_of(named, named.principal)


def names(client: APIClient, q: str, **query: Any) -> list[str]:
    answer = client.get("/api/v1/search", {"q": q, **query})
    assert answer.status_code == 200, answer.content
    return [hit["name"] for hit in answer.json()["results"]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", ["Anna Weiß", "Joanna Müller"]),
        ("ANN", ["Anna Weiß", "Joanna Müller"]),
        ("muller", ["Joanna Müller"]),
        ("MÜLLER", ["Joanna Müller"]),
        ("mu\u0308ller", ["Joanna Müller"]),  # the accent as a character of its own
        ("weiss", ["Anna Weiß"]),
        ("angstrom elo", ["Élodie Ångström"]),
        ("ipek sahin", ["İpek Şahin"]),
        ("müller ann", ["Joanna Müller"]),
        ("müller anna weiß", []),
        ("0%_s", ["Zoë 100%_Sure"]),
        ("%", ["Zoë 100%_Sure"]),
        ("_", ["Zoë 100%_Sure"]),
        ("％", ["Zoë 100%_Sure"]),  # full width: it folds to a wildcard
        ("a%a", []),
        ("a_n", []),
        ("k\\s", ["Ali Back\\slash"]),
        ("\\", ["Ali Back\\slash"]),
        ("'; DROP TABLE search_entry; --", []),
        ("p2", ["Élodie Ångström"]),
        ("p2@north", ["Élodie Ångström"]),
    ],
)
def test_words_are_found_by_their_parts(office: APIClient, text: str, expected: list[str]) -> None:
    assert names(office, text, kind="student") == expected


@pytest.mark.django_db
def test_courses_are_found_by_code_subject_and_lecturer(named: Cast, office: APIClient) -> None:
    with campus_scope(named.campus):
        Subject.objects.filter(code="CS305").update(name="Théorie des graphes")
        teacher = make_faculty("F77", first_name="Jürgen", last_name="Groß")
        make_course(faculty=teacher, code="PH100-A")
    for text, code in (("theorie", "CS305-A"), ("305-a", "CS305-A"), ("gross", "PH100-A")):
        answer = office.get("/api/v1/search", {"q": text, "kind": "course"})
        assert [hit["code"] for hit in answer.json()["results"]] == [code]


@pytest.mark.django_db
def test_every_kind_is_searched_in_order_and_bounded(named: Cast, office: APIClient) -> None:
    kinds = [hit["kind"] for hit in office.get("/api/v1/search?q=c").json()["results"]]
    assert set(kinds) == {"student", "faculty", "course", "subject"}
    assert kinds == sorted(kinds, key=["student", "faculty", "course", "subject"].index)
    assert len(names(office, "north", kind="student", limit=3)) == 3


@pytest.mark.django_db
def test_a_search_takes_one_statement_per_kind(
    office: APIClient, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10):  # campus, its scope, roles, savepoint, four searches
        names(office, "a")


@pytest.mark.django_db
@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": " "}, {"q": "x" * 101}, {"q": "\0"}])
def test_a_search_for_nothing_is_refused(office: APIClient, query: dict[str, str]) -> None:
    assert office.get("/api/v1/search", query).status_code == 400


@pytest.mark.django_db
def test_people_find_only_whom_they_may_see(named: Cast) -> None:
    lecturer = client_of(named, named.lecturer.user)
    student = client_of(named, named.student.user)
    assert names(lecturer, "ann") == []
    with campus_scope(named.campus):
        enroll(Student.objects.get(code="P1"), named.course)
    assert names(lecturer, "ann") == ["Joanna Müller"]
    assert names(student, "ann") == []
    assert names(student, "stu", kind="student") == ["Student STUD"]
    assert names(student, "cs", kind="subject") == []


@pytest.mark.django_db
def test_changes_and_deletions_are_found_at_once(named: Cast, office: APIClient) -> None:
    with campus_scope(named.campus):
        student = Student.objects.get(code="P0")
        student.first_name = "Griselda"
        student.save()
        Student.objects.filter(code="P1").update(last_name="Schmidt")
        Course.objects.filter(pk=named.other_course.pk).delete()
    assert names(office, "griselda") == ["Griselda Weiß"]
    assert names(office, "ann", kind="student") == ["Joanna Schmidt"]
    assert names(office, "cs305", kind="course") == []
    with connection.cursor() as cursor, campus_scope(named.campus):
        cursor.execute(
            "SELECT count(*) FROM search_entry WHERE kind = 'enrollments_course' "
            "AND object_id = %s",
            [named.other_course.pk],
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_the_inactive_are_not_found(named: Cast, office: APIClient) -> None:
    with campus_scope(named.campus):
        Student.objects.filter(code="P0").update(is_active=False)
    assert names(office, "weiss") == []


@pytest.mark.django_db
def test_the_words_of_another_campus_are_behind_the_same_wall(
    named: Cast, other_cast: Cast
) -> None:
    """Straight at the function and at the table, as the application's role."""
    south = client_of(other_cast, other_cast.admin)
    assert names(south, "anna") == []
    with connection.cursor() as cursor:
        for asked in (
            "SELECT * FROM campus_search('accounts_student', 'anna')",
            "SELECT * FROM search_entry",
        ):
            cursor.execute(asked)
            assert cursor.fetchall() == []
        with campus_scope(other_cast.campus):
            cursor.execute("SELECT * FROM campus_search('accounts_student', 'anna')")
            assert cursor.fetchall() == []
            cursor.execute("SELECT DISTINCT campus_id FROM search_entry")
            assert cursor.fetchall() == [(other_cast.campus.pk,)]


@pytest.mark.django_db
def test_nobody_writes_the_words_of_another_campus(named: Cast, other_cast: Cast) -> None:
    from django.db import DatabaseError, transaction

    with (
        campus_scope(other_cast.campus),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO search_entry VALUES (%s, 'accounts_student', 1, 'x')", [named.campus.pk]
        )


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["accounts/student", "accounts/faculty", "enrollments/course"])
def test_the_administration_searches_the_same_way(named: Cast, page: str) -> None:
    with campus_scope(named.campus):
        make_course(
            faculty=make_faculty("F5", first_name="Joanna", last_name="Müllerin"), code="X-1"
        )
    visitor = Client(headers={"host": named.host})
    visitor.force_login(named.admin)
    shown = visitor.get(f"/admin/{page}/", {"q": "muller oann"})
    assert shown.status_code == 200
    assert shown.context["cl"].result_count == 1
    assert visitor.get(f"/admin/{page}/", {"q": "%"}).context["cl"].result_count in {0, 1}
    assert visitor.get(f"/admin/{page}/", {"q": "mulleroann"}).context["cl"].result_count == 0


@pytest.fixture
def crowded() -> Iterator[Campus]:
    """A campus of 5,000 students whose words the planner knows."""
    campus = make_campus("crowd")
    with campus_scope(campus):
        Student.objects.bulk_create(
            Student(
                code=f"N{number:06d}",
                first_name="Anna" if number % 100 == 0 else "Bert",
                last_name=f"Fam{number}ily",
                email=f"n{number}@crowd.example",
            )
            for number in range(5_000)
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE search_entry")
    yield campus
    with campus_scope(campus), connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_entry")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_application_searches_through_the_trigram_index(crowded: Campus) -> None:
    """PGF-21: row level security does not close it."""
    used = "SELECT pg_stat_get_xact_numscans('search_entry_words'::regclass)"
    with campus_scope(crowded), connection.cursor() as cursor:
        cursor.execute(used)
        before = cursor.fetchone()[0]
        assert matching(Student.objects.all(), "anna").count() == 50
        cursor.execute(used)
        assert cursor.fetchone()[0] == before + 1
