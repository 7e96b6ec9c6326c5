"""The reports' page."""

import pytest
from django.test import Client

from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.portal.test_pages import INLINE, client_of
from tests.reports.support import history, work_off

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


def test_columns_that_say_nothing_are_left_out(principal: Client) -> None:
    by_student = principal.get("/reports/", {"report": "attendance"})
    assert b"Classes held" not in by_student.content
    by_course = principal.get("/reports/", {"report": "attendance", "group_by": "course"})
    assert b"Classes held" in by_course.content


# --- Long files ------------------------------------------------------------------------------


@pytest.fixture
def short_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.portal.office.views.reports.LONGEST_FILE", 1)


def test_a_long_report_is_written_apart(principal: Client, cast: Cast, short_files: None) -> None:
    asked = {"report": "attendance", "course": cast.course.pk, "group_by": ""}
    page = principal.get("/reports/", asked)
    assert page.context["is_long"]
    assert b"format=csv" not in page.content
    answer = principal.post("/reports/export", {**asked, "format": "csv"})
    assert answer.url == f"/reports/?report=attendance&course={cast.course.pk}"
    page = principal.get(answer.url)
    (job,) = page.context["exports"]
    assert page.context["writing"]
    assert b'hx-get="/reports/exports"' in page.content
    assert str(job.pk).encode() not in page.content

    work_off(cast, str(job.pk))
    panel = principal.get("/reports/exports")
    assert not panel.context["writing"]
    assert b"hx-get" not in panel.content
    file = f"/api/v1/reports/exports/{job.pk}/file"
    assert file.encode() in panel.content
    content = principal.get(file).content
    assert b"STUD" in content
    assert b"MATE" in content


def test_files_are_shown_to_whoever_asked(principal: Client, cast: Cast) -> None:
    principal.post("/reports/export", {"report": "attendance", "format": "csv"})
    other = client_of(cast, cast.admin)
    assert other.get("/reports/").context["exports"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"report": "attendance", "format": "exe"},
        {"report": "attendance", "format": "csv", "course": "0"},
    ],
)
def test_senseless_files_are_refused(principal: Client, given: dict[str, str]) -> None:
    assert principal.post("/reports/export", given).status_code == 400


def test_students_have_no_files(cast: Cast) -> None:
    student = client_of(cast, cast.student.user)
    assert student.get("/reports/exports").status_code == 403
    assert student.post("/reports/export", {"report": "attendance"}).status_code == 403
