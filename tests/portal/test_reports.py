"""The reports' page."""

import pytest
from django.test import Client

from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.portal.test_pages import INLINE, client_of
from tests.reports.support import history

pytestmark = pytest.mark.django_db
NAMES = [
    "attendance",
    "defaulters",
    "consecutive-absences",
    "statistics",
    "methods",
    "check-ins",
    "not-taken",
]


@pytest.fixture
def principal(cast: Cast) -> Client:
    with campus_scope(cast.campus):
        history(cast.course, cast.student, "paaa")
        history(cast.course, cast.classmate, "pppp")
    return client_of(cast, cast.principal)


@pytest.mark.parametrize("name", NAMES)
def test_every_report_has_its_page(principal: Client, name: str) -> None:
    page = principal.get("/reports/", {"report": name})
    assert page.status_code == 200
    assert f"/api/v1/reports/{name}?format=pdf".encode() in page.content
    assert not INLINE.search(page.content)


def test_the_page_shows_what_was_asked(principal: Client, cast: Cast) -> None:
    page = principal.get("/reports/", {"report": "defaulters", "course": cast.course.pk})
    assert b"STUD" in page.content
    assert b"MATE" not in page.content
    assert f"?course={cast.course.pk}&amp;format=csv".encode() in page.content
    lenient = principal.get("/reports/", {"report": "defaulters", "threshold": "20"})
    assert b"STUD" not in lenient.content


def test_the_files_of_the_page_are_there(principal: Client, cast: Cast) -> None:
    answer = principal.get(f"/api/v1/reports/defaulters?course={cast.course.pk}&format=csv")
    assert b"STUD" in answer.content


def test_lecturers_choose_from_their_own_courses(principal: Client, cast: Cast) -> None:
    lecturer = client_of(cast, cast.lecturer.user)
    page = lecturer.get("/reports/", {"report": "signing-sheet", "course": cast.course.pk})
    assert b"REPR" in page.content
    assert b"CS305-A" not in page.content
    other = lecturer.get("/reports/", {"report": "signing-sheet", "course": cast.other_course.pk})
    assert other.context["form"].errors
    assert "table" not in other.context


def test_days_in_the_wrong_order_are_said_at_their_field(principal: Client) -> None:
    page = principal.get("/reports/", {"from": "2026-10-02", "to": "2026-10-01"})
    assert page.context["form"].errors["to"]


def test_an_unknown_report_is_the_first(principal: Client) -> None:
    assert principal.get("/reports/", {"report": "moon"}).context["report"].name == "attendance"
