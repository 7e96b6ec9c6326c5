"""Reports over REST: shapes, files, refusals, exports by a worker."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook
from pypdf import PdfReader
from rest_framework.test import APIClient

from apps.audit.models import Entry
from apps.jobs.models import Job
from apps.reports.api import views
from apps.reports.services import exports_purge
from apps.tenants.scope import campus_scope
from tests.api.support import client_of
from tests.factories import Cast, enroll, make_student
from tests.reports.support import history, work_off

pytestmark = pytest.mark.django_db
LISTS = [
    "attendance",
    "defaulters",
    "consecutive-absences",
    "statistics",
    "methods",
    "check-ins",
    "not-taken",
]


@pytest.fixture
def taught(cast: Cast) -> Cast:
    """`student` has missed three of four sessions, `classmate` none of four."""
    with campus_scope(cast.campus):
        history(cast.course, cast.student, "paaa")
        history(cast.course, cast.classmate, "pppp")
    return cast


@pytest.fixture
def office(taught: Cast) -> APIClient:
    return client_of(taught, taught.principal)


def get(client: APIClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", query)
    assert answer.status_code == status, answer.content
    return answer


def test_defaulters_in_json(office: APIClient, taught: Cast) -> None:
    body = get(office, "reports/defaulters").json()
    assert body["count"] == 1
    (row,) = body["results"]
    assert (row["code"], row["percentage"], row["limit"]) == ("STUD", "25.00", "75.00")
    assert row["course"] == taught.course.pk


@pytest.mark.parametrize("name", LISTS)
def test_every_report_is_given_in_every_format(office: APIClient, name: str) -> None:
    assert get(office, f"reports/{name}").json()["previous"] is None
    csv_answer = get(office, f"reports/{name}", format="csv")
    assert csv_answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="{name}-' in csv_answer["Content-Disposition"]
    load_workbook(io.BytesIO(get(office, f"reports/{name}", format="xlsx").content))
    pdf = PdfReader(io.BytesIO(get(office, f"reports/{name}", format="pdf").content))
    assert pdf.pages


def test_files_have_all_rows_and_say_what_was_asked(office: APIClient, taught: Cast) -> None:
    query = {"course": taught.course.pk, "from": "2026-09-01", "to": "2026-12-31"}
    answer = get(office, "reports/attendance", format="xlsx", **query)
    sheet = load_workbook(io.BytesIO(answer.content)).active
    texts = [str(cell.value) for line in sheet.iter_rows() for cell in line]  # type: ignore[union-attr]
    assert "Course: CS201-A Algorithms" in texts
    assert "Period: 2026-09-01 – 2026-12-31" in texts
    assert {"STUD", "MATE"} <= set(texts)


def test_the_accept_header_chooses_too(office: APIClient) -> None:
    answer = office.get("/api/v1/reports/methods", headers={"accept": "application/pdf"})
    assert answer.content.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({"from": "2026-10-01", "to": "2026-09-01"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"course": "x"}, "course"),
        ({"group_by": "moon"}, "group_by"),
    ],
)
def test_senseless_questions_are_refused_in_json(
    office: APIClient, query: dict[str, str], attr: str
) -> None:
    for chosen in ({}, {"format": "pdf"}):
        answer = get(office, "reports/attendance", 400, **query, **chosen)
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["errors"][0]["attr"] == attr


def test_a_threshold_is_a_percentage(office: APIClient) -> None:
    for threshold in ("-1", "100.01", "x", "NaN"):
        get(office, "reports/defaulters", 400, threshold=threshold)
    assert get(office, "reports/defaulters", threshold="25").json()["count"] == 0


def test_long_files_are_exports(office: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "LONGEST_FILE", 1)
    answer = get(office, "reports/attendance", 409, format="csv")
    assert answer.json()["errors"][0]["code"] == "report_too_long"


def test_lecturers_ask_for_their_own_courses_only(taught: Cast) -> None:
    outsider = client_of(taught, taught.outsider.user)
    assert get(outsider, "reports/attendance").json()["count"] == 0
    for name in (*LISTS, "signing-sheet"):
        get(
            outsider,
            f"reports/{name}",
            200 if name == "statistics" else 404,
            **({} if name == "statistics" else {"course": taught.course.pk}),
        )


def test_the_sheet_is_printed(taught: Cast) -> None:
    lecturer = client_of(taught, taught.lecturer.user)
    answer = get(lecturer, "reports/signing-sheet", format="pdf", course=taught.course.pk)
    text = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    for part in ("Signature", "CS201-A", "STUD", "MATE", "REPR"):
        assert part in text


# --- One student -----------------------------------------------------------------------------


def test_the_own_attendance_is_statistics_and_marks(taught: Cast) -> None:
    body = get(client_of(taught, taught.student.user), "me/attendance").json()
    assert body["count"] == 4
    assert [row["status"] for row in body["results"]] == ["absent"] * 3 + ["present"]
    (course,) = body["statistics"]["courses"]
    assert (course["sessions"], course["attended"], course["percentage"]) == (4, 1, "25.00")
    assert body["statistics"]["total"]["percentage"] == "25.00"
    assert body["statistics"]["student"]["code"] == "STUD"


def test_days_narrow_the_own_marks(taught: Cast) -> None:
    student = client_of(taught, taught.student.user)
    body = get(student, "me/attendance", **{"from": "2026-09-15", "to": "2026-09-15"}).json()
    assert [row["status"] for row in body["results"]] == ["absent"]
    assert body["statistics"]["total"]["sessions"] == 4


def test_students_read_their_own_report_and_no_other(taught: Cast) -> None:
    student = client_of(taught, taught.student.user)
    own = get(student, f"reports/students/{taught.student.pk}").json()
    assert (own["total"]["attended"], own["trend"]) == (1, [])
    weeks = get(student, f"reports/students/{taught.student.pk}", trend=True).json()["trend"]
    assert [(week["code"], week["percentage"]) for week in weeks] == [("2026-W38", "25.00")]
    get(student, f"reports/students/{taught.classmate.pk}", 404)
    get(student, "me/attendance", 404, course=taught.other_course.pk)
    pdf = get(student, "me/attendance", format="pdf").content
    assert "25.00" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


# --- Exports ---------------------------------------------------------------------------------


def start(client: APIClient, **body: Any) -> Any:
    given = {"report": "attendance", "format": "csv", **body}
    return client.post("/api/v1/reports/exports", given)


@pytest.mark.django_db(transaction=True)
def test_a_worker_writes_the_export(office: APIClient, taught: Cast) -> None:
    answer = start(office, filters={"from": "2026-09-14", "group_by": "course"})
    assert answer.status_code == 202, answer.content
    export = answer.json()
    get(office, f"reports/exports/{export['id']}/file", 409)
    work_off(taught, export["id"])
    done = get(office, f"reports/exports/{export['id']}").json()
    assert (done["status"], done["rows"], done["percent"]) == ("succeeded", 1, 100)
    file = get(office, f"reports/exports/{export['id']}/file")
    assert b"CS201-A" in file.content
    assert len(file.content) == done["size"]
    assert [row["id"] for row in get(office, "reports/exports").json()["results"]] == [export["id"]]
    with campus_scope(taught.campus):
        assert Entry.objects.filter(action="report.export", target_id=export["id"]).exists()


@pytest.mark.django_db(transaction=True)
def test_exports_are_their_owners(office: APIClient, taught: Cast) -> None:
    export = start(office).json()
    work_off(taught, export["id"])
    admin = client_of(taught, taught.admin)
    get(admin, f"reports/exports/{export['id']}", 404)
    get(admin, f"reports/exports/{export['id']}/file", 404)
    assert get(admin, "reports/exports").json()["count"] == 0


@pytest.mark.django_db(transaction=True)
def test_rights_are_asked_again_when_it_is_written(taught: Cast) -> None:
    lecturer = client_of(taught, taught.lecturer.user)
    export = start(lecturer).json()
    with campus_scope(taught.campus):
        taught.lecturer.user.memberships.update(is_active=False)
    work_off(taught, export["id"])
    with campus_scope(taught.campus):
        job = Job.objects.get(pk=export["id"])
    assert (job.status, job.result) == ("failed", {})


@pytest.mark.django_db(transaction=True)
def test_files_are_deleted_after_a_week(office: APIClient, taught: Cast) -> None:
    export = start(office).json()
    work_off(taught, export["id"])
    with campus_scope(taught.campus):
        assert exports_purge(now=timezone.now() + timedelta(days=6)) == 0
        assert exports_purge(now=timezone.now() + timedelta(days=8)) == 1
    get(office, f"reports/exports/{export['id']}/file", 404)


@pytest.mark.parametrize(
    "body",
    [
        {"report": "nothing"},
        {"format": "doc"},
        {"filters": {"from": "x"}},
        {"report": "signing-sheet"},
        {"filters": "x"},
    ],
)
def test_senseless_exports_are_refused(office: APIClient, body: dict[str, Any]) -> None:
    assert start(office, **body).status_code == 400


def test_exports_of_courses_that_are_not_ones_own(taught: Cast) -> None:
    outsider = client_of(taught, taught.outsider.user)
    assert start(outsider, filters={"course": taught.course.pk}).status_code == 404


# --- Statements ------------------------------------------------------------------------------


def statements(client: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        get(client, path)
    return len(seen)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("reports/attendance", 7),
        ("reports/attendance?group_by=course", 8),
        ("reports/attendance?group_by=week", 6),
        ("reports/defaulters", 11),
        ("reports/consecutive-absences", 11),
        ("reports/statistics", 8),
        ("reports/methods", 8),
        ("reports/check-ins", 8),
        ("reports/not-taken", 10),
    ],
)
def test_statements_are_few_and_do_not_grow(
    office: APIClient, taught: Cast, path: str, most: int
) -> None:
    """Campus, rights and savepoint included."""
    get(office, path)
    before = statements(office, path)
    with campus_scope(taught.campus):
        for _number in range(4):
            student = make_student()
            enroll(student, taught.course)
            history(taught.course, student, "paaa")
    assert statements(office, path) == before
    assert before <= most
