"""An import from upload to commit: jobs, pages, REST, the shell."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Student
from apps.imports.models import ImportRun
from apps.imports.services import imports_purge
from apps.imports.services.runs import KEPT
from apps.jobs.models import Job
from apps.jobs.tasks import execute_job
from apps.tabular_files import reader
from apps.tabular_files.reader import _parsed
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.imports.support import xlsx
from tests.phone import signed_in

pytestmark = pytest.mark.django_db

ROWS = [
    ["id", "name", "email"],
    ["J1", "Right", "j1@north.example"],
    ["J 2", "@SUM(A1)", "j2@north.example"],
]


@pytest.fixture
def api(cast: Cast) -> APIClient:
    return signed_in(cast, cast.operator)


def work(cast: Cast) -> None:
    """What the worker would do with the messages that wait."""
    with campus_scope(cast.campus):
        waiting = list(Job.objects.filter(status=Job.Status.QUEUED).values_list("pk", flat=True))
    for job_id in waiting:
        execute_job(cast.campus.pk, job_id)


def upload(api: APIClient, rows: Any = ROWS, **body: Any) -> Any:
    data = rows if isinstance(rows, bytes) else xlsx(rows)
    file = SimpleUploadedFile("students.xlsx", data)
    return api.post("/api/v1/imports", {"kind": "students", "file": file, **body}, "multipart")


def test_upload_look_commit(cast: Cast, api: APIClient) -> None:
    answer = upload(api)
    assert answer.status_code == 202, answer.content
    page = f"/api/v1/imports/{answer.json()['id']}"
    assert api.get(page).json()["progress"]["status"] == "queued"
    work(cast)
    checked = api.get(page).json()
    assert checked["status"] == "checked"
    assert {name: checked["result"][name] for name in ("rows", "new", "wrong")} == {
        "rows": 2,
        "new": 1,
        "wrong": 1,
    }
    assert checked["problems"] == [
        {
            "sheet": "Sheet1",
            "row": 3,
            "column": "Number",
            "value": "J 2",
            "reason": "Only letters, digits and . / - _ are allowed.",
        }
    ]
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="J1").exists()
    assert api.post(f"{page}/commit", {}).status_code == 202
    work(cast)
    assert api.get(page).json()["status"] == "done"
    with campus_scope(cast.campus):
        assert Student.objects.get(code="J1").first_name == "Right"
    assert api.post(f"{page}/commit", {}).status_code == 409


@pytest.mark.parametrize(
    "rows", [ROWS, [["what", "who"], ["J1", "Right"]]], ids=["known headings", "unknown ones"]
)
def test_a_check_parses_the_upload_once(
    cast: Cast, api: APIClient, monkeypatch: pytest.MonkeyPatch, rows: Any
) -> None:
    """For the headings, the rows and the marked workbook together."""
    parsed: list[str] = []

    def counted(data: bytes, form: str, left: int) -> tuple[list[dict], int]:
        parsed.append(form)
        return _parsed(data, form, left)

    monkeypatch.setattr(reader, "_parsed", counted)
    page = f"/api/v1/imports/{upload(api, rows).json()['id']}"
    work(cast)
    assert parsed == ["xlsx"]
    assert [entry["heading"] for entry in api.get(page).json()["headings"]] == rows[0]


def test_wrong_rows_come_back_marked_and_harmless(cast: Cast, api: APIClient) -> None:
    page = f"/api/v1/imports/{upload(api).json()['id']}"
    work(cast)
    answer = api.get(f"{page}/errors.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book["Sheet1"]
    assert [cell.value for cell in sheet[2]][:2] == ["J1", "Right"]
    wrong = sheet[3]
    assert wrong[1].value == "'@SUM(A1)"
    assert wrong[0].fill.start_color.rgb == "FFF4CCCC"
    assert "letters, digits" in str(wrong[3].value)
    assert sheet["A2"].fill.fill_type is None


def test_a_mapping_makes_unknown_headings_known(cast: Cast, api: APIClient) -> None:
    page = f"/api/v1/imports/{upload(api, [['Matrikel', 'Wer'], ['K1', 'Anna']]).json()['id']}"
    work(cast)
    failed = api.get(page).json()
    assert (failed["status"], "Number" in failed["problem"]) == ("failed", True)
    mapping = {"Matrikel": "code", "Wer": "first_name"}
    assert api.put(f"{page}/mapping", {"mapping": {"Wer": "nothing"}}).status_code == 400
    assert api.put(f"{page}/mapping", {"mapping": mapping}).status_code == 202
    work(cast)
    assert api.get(page).json()["result"]["new"] == 1


def test_removal_has_to_be_confirmed_with_the_number_seen(cast: Cast, api: APIClient) -> None:
    rows = [["id", "name"], [cast.student.code, "Only"]]
    uploaded = upload(api, rows, options='{"replace": true}').json()
    page = f"/api/v1/imports/{uploaded['id']}"
    work(cast)
    seen = api.get(page).json()["result"]["removed"]
    assert seen > 1
    refused = api.post(f"{page}/commit", {"removed": seen - 1})
    assert refused.json()["errors"][0]["code"] == "removal_not_confirmed"
    assert api.post(f"{page}/commit", {"removed": seen}).status_code == 202
    work(cast)
    with campus_scope(cast.campus):
        assert Student.objects.filter(is_active=True).count() == 1


def test_a_cancelled_import_saves_nothing(cast: Cast, api: APIClient) -> None:
    page = f"/api/v1/imports/{upload(api).json()['id']}"
    work(cast)
    api.post(f"{page}/commit", {})
    assert api.post(f"{page}/cancel").json()["status"] == "cancelled"
    work(cast)
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="J1").exists()
    assert api.post(f"{page}/cancel").status_code == 409


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "aliens"}, "invalid_choice"),
        ({"options": "[]"}, "invalid"),
        ({"options": '{"year": 99}'}, "max_value"),
        ({"kind": "enrollments", "options": '{"replace": true}'}, "unknown_option"),
    ],
)
def test_refused_uploads(api: APIClient, body: dict[str, str], code: str) -> None:
    answer = upload(api, **body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_a_file_that_is_no_table_is_refused_at_once(api: APIClient) -> None:
    answer = upload(api, b"\x89PNG\0\0")
    assert answer.json()["errors"][0]["code"] == "file_unreadable"


def test_templates_can_be_filled_in_and_imported(cast: Cast) -> None:
    api = signed_in(cast, cast.admin)
    cast.campus.email_domains = ["example.edu"]  # the template's
    cast.campus.save()
    for kind in api.get("/api/v1/imports/kinds").json():
        if kind["name"] == "oneroster":
            continue
        answer = api.get(f"/api/v1/imports/templates/{kind['name']}.xlsx")
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        assert sheet is not None
        assert [cell.value for cell in sheet[1]] == [c["label"] for c in kind["columns"]]
        assert all(cell.comment for cell in sheet[1])
    page = upload(api, api.get("/api/v1/imports/templates/students.xlsx").content).json()["id"]
    work(cast)
    assert api.get(f"/api/v1/imports/{page}").json()["result"]["new"] == 1
    assert api.get("/api/v1/imports/templates/aliens.xlsx").status_code == 404


def test_lists_ask_a_bounded_number_of_questions(
    cast: Cast, api: APIClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        upload(api)
    with django_assert_max_num_queries(8):
        assert api.get("/api/v1/imports").json()["count"] == 3


def test_uploaded_files_are_sealed_and_deleted(cast: Cast, api: APIClient) -> None:
    run_id = upload(api).json()["id"]
    work(cast)
    with campus_scope(cast.campus):
        stored = ImportRun.objects.get(pk=run_id)
        with default_storage.open(stored.stored_as) as file:
            assert b"PK\x03\x04" not in file.read()
        assert imports_purge(now=stored.created_at) == 0
        assert imports_purge(now=stored.created_at + 2 * KEPT) == 1
        stored.refresh_from_db()
    assert (stored.stored_as, stored.marked_as, stored.problems) == ("", "", [])


# --- Pages ---------------------------------------------------------------------------------------


@pytest.fixture
def office(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def test_the_pages_of_an_import(cast: Cast, office: Client) -> None:
    form = {"kind": "students", "file": SimpleUploadedFile("s.xlsx", xlsx(ROWS))}
    answer = office.post(url(ImportRun, "add"), form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    page = answer["Location"]
    waiting = office.get(page)
    assert "Waiting for a worker" in waiting.content.decode()
    assert "Waiting" in office.get(f"{page.replace('change/', 'progress/')}").content.decode()
    work(cast)
    assert office.get(page.replace("change/", "progress/"))["HX-Refresh"] == "true"
    shown = office.get(page).content.decode()
    assert "Save the rows that are right" in shown
    assert "Only letters, digits" in shown
    assert office.get(page.replace("change/", "errors.xlsx")).content.startswith(b"PK")
    assert office.post(page.replace("change/", "commit/")).status_code == 302
    work(cast)
    assert "Saved." in office.get(page).content.decode()


def test_columns_are_chosen_on_the_page(cast: Cast, office: Client) -> None:
    file = SimpleUploadedFile("s.xlsx", xlsx([["Matrikel", "Wer"], ["K1", "Anna"]]))
    page = office.post(url(ImportRun, "add"), {"kind": "students", "file": file})["Location"]
    work(cast)
    shown = office.get(page).content.decode()
    assert "No column for: Number" in shown
    choice = {"column_0": "code", "column_1": "first_name"}
    office.post(page.replace("change/", "mapping/"), choice)
    work(cast)
    assert "Checked." in office.get(page).content.decode()


def test_options_that_mean_nothing_are_refused_by_the_form(office: Client) -> None:
    file = SimpleUploadedFile("s.xlsx", xlsx([["code", "name"], ["A1", "A"]]))
    answer = office.post(
        url(ImportRun, "add"), {"kind": "subjects", "file": file, "replace": "on", "year": "2"}
    )
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"replace", "year"}


def test_principals_look_and_do_not_touch(cast: Cast, office: Client) -> None:
    form = {"kind": "students", "file": SimpleUploadedFile("s.xlsx", xlsx(ROWS))}
    page = office.post(url(ImportRun, "add"), form)["Location"]
    work(cast)
    principal = client_of(cast, cast.principal)
    assert principal.get(page).status_code == 200
    assert principal.post(page.replace("change/", "commit/")).status_code == 403
    assert principal.get(url(ImportRun, "add")).status_code == 403


# --- Shell ---------------------------------------------------------------------------------------


def test_the_command_shows_first_and_saves_when_asked(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, marked = tmp_path / "students.xlsx", tmp_path / "marked.xlsx"
    path.write_bytes(xlsx(ROWS))
    call = ["import_roster", "students", str(path), "--campus", cast.campus.slug]
    call_command(*call, "--marked", str(marked))
    shown = capsys.readouterr().out
    assert "2 rows: 1 new, 0 changed, 0 unchanged, 0 removed, 1 wrong." in shown
    assert "Sheet1 row 3: Number “J 2”: Only letters" in shown
    assert marked.exists()
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="J1").exists()
    call_command(*call, "--commit")
    with campus_scope(cast.campus):
        assert Student.objects.filter(code="J1").exists()


def test_the_command_says_what_is_wrong(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_roster", "students", str(tmp_path / "no"), "--campus", "north")
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(CommandError, match="No column for: Number"):
        call_command("import_roster", "students", str(path), "--campus", cast.campus.slug)
