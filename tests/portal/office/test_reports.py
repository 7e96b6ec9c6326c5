"""The reports' page."""

import json
from datetime import timedelta
from io import BytesIO

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from apps.attendance.models import Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session
from tests.portal.support import INLINE, client_of
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


# --- Links, one student, the chart -----------------------------------------------------------


@pytest.fixture
def held(cast: Cast) -> ClassSession:
    """A completed session in which one student was marked present."""
    now = timezone.now()
    with campus_scope(cast.campus):
        session = make_session(cast.course, starts_at=now - timedelta(hours=1), topic="Sets")
        register_open(session=session, topic="Sets", now=now, actor=SYSTEM)
        record_mark(
            session=session, student_id=cast.student.pk, status=Status.PRESENT, reason="",
            now=now, actor=SYSTEM,
        )  # fmt: skip
        register_close(session=session, now=now, actor=SYSTEM)
    return session


def test_rows_lead_to_their_student_course_and_session(cast: Cast, held: ClassSession) -> None:
    lecturer = client_of(cast, cast.lecturer.user)
    person = f'href="/reports/students/{cast.student.pk}/"'
    course = f'href="/teach/courses/{cast.course.pk}/"'
    assert person in lecturer.get("/reports/?report=attendance").content.decode()
    by_course = lecturer.get("/reports/?report=attendance&group_by=course").content.decode()
    assert course in by_course
    assert person not in by_course
    marks = lecturer.get("/reports/?report=check-ins").content.decode()
    for link in (person, course, f'href="/teach/sessions/{held.pk}/"'):
        assert link in marks
    office = client_of(cast, cast.principal).get("/reports/?report=check-ins").content.decode()
    assert f'href="/reports/?report=attendance&amp;course={cast.course.pk}"' in office
    assert f"/teach/sessions/{held.pk}/" not in office


def test_one_student_is_seen_by_lecturers_of_theirs(cast: Cast, held: ClassSession) -> None:
    page = f"/reports/students/{cast.student.pk}/"
    content = client_of(cast, cast.lecturer.user).get(page).content.decode()
    assert cast.student.full_name in content
    assert f'href="/teach/sessions/{held.pk}/"' in content
    assert "1 / 1" in content
    assert client_of(cast, cast.outsider.user).get(page).status_code == 404
    assert client_of(cast, cast.student.user).get(page).status_code == 403


def test_the_chart_has_its_figures_as_a_table(cast: Cast, held: ClassSession) -> None:
    client = client_of(cast, cast.lecturer.user)
    answer = client.get("/reports/chart", {"course": cast.course.pk})
    (week,) = answer.context["weeks"]
    assert (week["present"], week["late"], week["absent"]) == (1, 0, 2)
    assert week["name"].encode() in answer.content
    assert b"33.33" in answer.content
    others = client.get("/reports/chart", {"course": cast.other_course.pk})
    assert others.status_code == 400  # no course of theirs


def test_the_file_says_campus_course_term_and_period(cast: Cast, held: ClassSession) -> None:
    client = client_of(cast, cast.lecturer.user)
    answer = client.get("/api/v1/reports/attendance", {"course": cast.course.pk, "format": "pdf"})
    text = PdfReader(BytesIO(answer.content)).pages[0].extract_text()
    with campus_scope(cast.campus):
        term = cast.course.term
    for fact in (cast.campus.name, cast.course.code, str(term), str(term.starts_on)):
        assert fact in text


def test_a_week_in_which_nobody_came_is_drawn_at_0(cast: Cast) -> None:
    with campus_scope(cast.campus):
        history(cast.course, cast.student, "a")
    answer = client_of(cast, cast.lecturer.user).get("/reports/chart", {"course": cast.course.pk})
    assert answer.status_code == 200
    [week] = json.loads(answer.context["figures"])
    assert (week["absent"], week["percentage"]) == (1, 0.0)
