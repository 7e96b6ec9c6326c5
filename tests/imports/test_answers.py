"""Questions and answers on their way: page, REST, shell; remembered, forgotten, never skipped."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.enrollments.models import Grade
from apps.imports.models import ImportAnswer, ImportRun
from apps.imports.notices import import_ended
from apps.imports.services.files import run_files_delete
from apps.notifications.models import Message
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.imports.support import csv_file
from tests.imports.test_runs import work
from tests.phone import signed_in

pytestmark = pytest.mark.django_db

KEY = "dates:given_on"


def grades(cast: Cast, first: str = "09/01/2026", second: str = "12/11/2026") -> bytes:
    student = cast.student.code
    return csv_file(
        [
            ["student id", "subject code", "marks", "grade", "date"],
            [student, "CS201", "70", "B", first],
            [student, "CS201", "80", "A", second],
        ]
    )


@pytest.fixture
def api(cast: Cast) -> APIClient:
    return signed_in(cast, cast.admin)


@pytest.fixture
def office(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def upload(api: APIClient, cast: Cast, data: bytes, kind: str = "grades") -> str:
    """Upload and check; the address of the import."""
    file = SimpleUploadedFile("grades.csv", data)
    answer = api.post("/api/v1/imports", {"kind": kind, "file": file}, "multipart")
    assert answer.status_code == 202, answer.content
    work(cast)
    return f"/api/v1/imports/{answer.json()['id']}"


def given(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        return sorted(str(found) for found in Grade.objects.values_list("given_on", flat=True))


def code_of(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_over_rest_from_question_to_commit(cast: Cast, api: APIClient) -> None:
    page = upload(api, cast, grades(cast))
    checked = api.get(page).json()
    assert (checked["status"], checked["result"]["open"], checked["result"]["new"]) == (
        "checked",
        1,
        0,
    )
    (question,) = checked["questions"]
    assert question["key"] == KEY
    assert [choice["value"] for choice in question["choices"]] == [
        "day_first",
        "month_first",
        "refuse",
    ]
    assert question["examples"][0] == {
        "sheet": "",
        "row": 2,
        "cell": "09/01/2026",
        "becomes": ["2026-01-09", "2026-09-01", "wrong row"],
    }
    assert (question["answer"], question["answered_by"]) == ("", None)

    refused = api.post(f"{page}/commit", {})
    assert (refused.status_code, code_of(refused)) == (409, "questions_open")
    answer = api.put(f"{page}/answers", {"answers": {KEY: "month_first"}}, "json")
    assert answer.status_code == 202, answer.content
    assert given(cast) == []
    work(cast)
    checked = api.get(page).json()
    assert (checked["result"]["open"], checked["result"]["new"]) == (0, 2)
    (question,) = checked["questions"]
    assert (question["answer"], question["remembered"]) == ("month_first", False)
    assert question["answered_by"] == str(cast.admin)
    assert question["answered_at"]
    assert api.post(f"{page}/commit", {}).status_code == 202
    work(cast)
    assert given(cast) == ["2026-09-01", "2026-12-11"]
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="imports.answered")
        assert entry.data == {"kind": "grades", "answers": {KEY: "month_first"}}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({KEY: "backwards"}, "unknown_answer"),
        ({"encoding": "cp1254"}, "unknown_question"),
        ({"x" * 3000: "y"}, "unknown_question"),
        ({}, "empty"),
    ],
)
def test_what_is_no_answer(cast: Cast, api: APIClient, answers: dict[str, str], code: str) -> None:
    page = upload(api, cast, grades(cast))
    refused = api.put(f"{page}/answers", {"answers": answers}, "json")
    assert (refused.status_code, code_of(refused)) == (400, code)
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()


def test_answers_are_remembered_for_the_kind_named_and_can_be_changed_and_forgotten(
    cast: Cast, api: APIClient
) -> None:
    first = upload(api, cast, grades(cast))
    api.put(f"{first}/answers", {"answers": {KEY: "month_first"}}, "json")
    work(cast)

    second = upload(api, cast, grades(cast, "10/01/2026", "11/02/2026"))
    checked = api.get(second).json()
    (question,) = checked["questions"]
    assert (question["answer"], question["remembered"]) == ("month_first", True)
    assert question["answered_by"] == str(cast.admin)
    assert (checked["result"]["open"], checked["result"]["new"]) == (0, 2)

    api.put(f"{second}/answers", {"answers": {KEY: "day_first"}}, "json")  # changed
    work(cast)
    assert api.get(second).json()["questions"][0]["answer"] == "day_first"
    with campus_scope(cast.campus):
        assert ImportAnswer.objects.get().value == "day_first"

    api.put(f"{second}/answers", {"answers": {KEY: None}}, "json")  # forgotten
    work(cast)
    assert api.get(second).json()["result"]["open"] == 1
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()
        forgotten = Entry.objects.get(action="imports.answer_forgotten")
        assert forgotten.data == {"kind": "grades", "key": KEY, "value": "day_first"}


def test_what_was_answered_of_one_kind_or_campus_is_not_taken_for_another(
    cast: Cast, other_cast: Cast, api: APIClient
) -> None:
    data = csv_file([["id", "name"], ["T1", "Ayşe Yıldız"]], coding="cp1254")
    page = upload(api, cast, data, "students")
    api.put(f"{page}/answers", {"answers": {"encoding": "cp1254"}}, "json")
    work(cast)
    assert api.get(upload(api, cast, data, "students")).json()["result"]["open"] == 0
    assert api.get(upload(api, cast, data, "faculty")).json()["result"]["open"] == 1
    there = signed_in(other_cast, other_cast.admin)
    elsewhere = there.get(upload(there, other_cast, data, "students")).json()
    assert elsewhere["result"]["open"] == 1


def test_saving_takes_the_answers_of_the_check_that_was_seen(cast: Cast, api: APIClient) -> None:
    first = upload(api, cast, grades(cast))
    api.put(f"{first}/answers", {"answers": {KEY: "month_first"}}, "json")
    work(cast)
    second = upload(api, cast, grades(cast))  # with the answer that is remembered
    api.put(f"{first}/answers", {"answers": {KEY: "day_first"}}, "json")
    work(cast)
    api.post(f"{second}/commit", {})
    work(cast)
    assert given(cast) == ["2026-09-01", "2026-12-11"]


def test_a_file_that_fails_asks_all_the_same(cast: Cast, api: APIClient) -> None:
    """An encoding in doubt may be why the headings are not understood."""
    data = csv_file([["Öğrenci", "Adı"], ["T1", "Ayşe"]], coding="cp1254")
    failed = api.get(upload(api, cast, data, "students")).json()
    assert (failed["status"], [q["key"] for q in failed["questions"]]) == ("failed", ["encoding"])


def test_what_a_file_shows_certainly_can_be_changed_for_it_alone(
    cast: Cast, api: APIClient
) -> None:
    cast.campus.email_domains = ["north.example"]
    cast.campus.save()
    data = csv_file([["id", "name"], ["T1", "José Núñez"]], coding="mac_roman")
    page = upload(api, cast, data, "students")
    checked = api.get(page).json()
    (question,) = checked["questions"]
    assert (checked["result"]["open"], checked["result"]["new"]) == (0, 1)
    assert (question["answer"], question["certain"]) == ("mac_roman", True)
    other = next(c["value"] for c in question["choices"] if c["value"] != "mac_roman")
    api.put(f"{page}/answers", {"answers": {"encoding": other}}, "json")
    work(cast)
    assert api.get(page).json()["questions"][0]["answer"] == other
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()


def test_operators_answer_what_they_may_import(cast: Cast) -> None:
    operator = signed_in(cast, cast.operator)
    rows = [["id", "Roll No", "name"], ["1", "N1", "Ann"]]
    page = upload(operator, cast, csv_file(rows), "students")
    answer = operator.put(f"{page}/answers", {"answers": {"column:code": "Roll No"}}, "json")
    assert answer.status_code == 202, answer.content
    grade_page = upload(signed_in(cast, cast.admin), cast, grades(cast))
    refused = operator.put(f"{grade_page}/answers", {"answers": {KEY: "day_first"}}, "json")
    assert refused.status_code == 403


def test_examples_go_with_the_file(cast: Cast, api: APIClient) -> None:
    page = upload(api, cast, grades(cast))
    with campus_scope(cast.campus):
        run = ImportRun.objects.get(pk=page.rpartition("/")[2])
        assert run.questions
        run_files_delete(run)
        run.refresh_from_db()
    assert run.questions == []


def test_who_uploaded_hears_that_the_file_asks(cast: Cast, api: APIClient) -> None:
    page = upload(api, cast, grades(cast))
    with campus_scope(cast.campus):
        run = ImportRun.objects.get(pk=page.rpartition("/")[2])
        assert run.job is not None
        assert import_ended(run.job, now=run.job.created_at + timedelta(minutes=1)) == 1
        message = Message.objects.get()
    assert message.title == "%(file)s leaves something open"
    assert (message.data["file"], message.data["questions"]) == ("grades.csv", 1)


# --- Pages ---------------------------------------------------------------------------------------


def page_of(office: Client, cast: Cast, data: bytes) -> str:
    form = {"kind": "grades", "file": SimpleUploadedFile("g.csv", data)}
    page = office.post(url(ImportRun, "add"), form)["Location"]
    work(cast)
    return str(page)


def test_the_page_shows_all_questions_and_takes_the_answers(cast: Cast, office: Client) -> None:
    data = grades(cast).replace(b"student id", b"id,student id").replace(b"\nSTUD", b"\n7,STUD")
    page = page_of(office, cast, data)
    shown = office.get(page).content.decode()
    assert "2 questions about this file are open" in shown
    assert "09/01/2026" in shown
    assert "2026-01-09" in shown
    assert "Save" not in shown.partition("<form")[2].partition("</main>")[0].replace("Saved", "")
    office.post(page.replace("change/", "commit/"))
    work(cast)
    assert given(cast) == []

    answers = page.replace("change/", "answers/")
    office.post(answers, {"answer_0": "student id", "answer_1": ""})
    work(cast)
    assert "1 question about this file is open" in office.get(page).content.decode()
    with campus_scope(cast.campus):
        keys = [q["key"] for q in ImportRun.objects.get().questions]
    assert keys == [KEY, "column:student"]  # open ones first
    office.post(answers, {"answer_0": "month_first", "answer_1": "student id"})
    work(cast)
    shown = office.get(page).content.decode()
    assert "How this file is read" in shown
    assert f"by {cast.admin}" in shown
    office.post(page.replace("change/", "commit/"))
    work(cast)
    assert given(cast) == ["2026-09-01", "2026-12-11"]


def test_the_page_forgets_and_refuses_what_was_not_offered(cast: Cast, office: Client) -> None:
    page = page_of(office, cast, grades(cast))
    answers = page.replace("change/", "answers/")
    office.post(answers, {"answer_0": "never"})
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()
    office.post(answers, {"answer_0": "day_first"})
    work(cast)
    assert "Forget this answer" in office.get(page).content.decode()
    office.post(answers, {"answer_0": ""})
    work(cast)
    assert "1 question about this file is open" in office.get(page).content.decode()
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()


def test_principals_see_questions_and_do_not_answer(cast: Cast, office: Client) -> None:
    page = page_of(office, cast, grades(cast))
    principal = client_of(cast, cast.principal)
    assert "1 question about this file is open" in principal.get(page).content.decode()
    refused = principal.post(page.replace("change/", "answers/"), {"answer_0": "day_first"})
    assert refused.status_code == 403


def test_what_is_remembered_is_listed_and_forgotten(cast: Cast, office: Client) -> None:
    page = page_of(office, cast, grades(cast))
    office.post(page.replace("change/", "answers/"), {"answer_0": "day_first"})
    work(cast)
    with campus_scope(cast.campus):
        answer = ImportAnswer.objects.get()
    listed = office.get(url(ImportAnswer, "changelist")).content.decode()
    assert "Day first" in listed
    office.post(url(ImportAnswer, "delete", answer.pk), {"post": "yes"})
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()


# --- Shell ---------------------------------------------------------------------------------------


def test_the_command_prints_open_questions_and_takes_answers(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(grades(cast))
    call = ["import_roster", "grades", str(path), "--campus", cast.campus.slug]
    for commit in ([], ["--commit"]):
        with pytest.raises(CommandError, match="1 open questions; nothing was saved"):
            call_command(*call, *commit)
        shown = capsys.readouterr().out
        assert f"Open question {KEY}: Dates in “Date” can be read in several ways." in shown
        assert f"--answer '{KEY}=month_first'  Month first" in shown
        assert "row 2: 09/01/2026 → 2026-09-01" in shown
    assert given(cast) == []
    call_command(*call, "--answer", f"{KEY}=month_first")
    shown = capsys.readouterr().out
    assert "2 rows: 2 new" in shown
    assert "Which is meant? Month first" in shown
    with campus_scope(cast.campus):
        assert not ImportAnswer.objects.exists()  # a dry run keeps nothing
    call_command(*call, "--answer", f"{KEY}=month_first", "--commit")
    assert given(cast) == ["2026-09-01", "2026-12-11"]
    capsys.readouterr()
    call_command(*call)
    assert "Month first (remembered)" in capsys.readouterr().out
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="imports.answered").count() == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (KEY, "write it as KEY=VALUE"),
        (f"{KEY}=never", "is no answer to"),
        ("dates:born=day_first", "does not ask “dates:born”"),
    ],
)
def test_the_command_refuses_what_is_no_answer(
    cast: Cast, tmp_path: Path, answer: str, said: str
) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(grades(cast, "13/09/2026") if "born" in answer else grades(cast))
    call = ["import_roster", "grades", str(path), "--campus", cast.campus.slug, "--commit"]
    with pytest.raises(CommandError, match="open questions" if "never" in answer else said):
        call_command(*call, "--answer", answer)
    assert given(cast) == []
    with campus_scope(cast.campus):
        assert Student.objects.exists()
