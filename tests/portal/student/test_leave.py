"""What a student asks for in the portal: leave, and another mark."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.attendance.models import AttendanceRecord
from apps.leave.models import Appeal, Attachment, LeaveRequest
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.leave.support import asked, closed, decided
from tests.portal.support import INLINE, client_of

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _storage(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = {
        **django_settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
    }


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


@pytest.fixture
def mark(cast: Cast) -> AttendanceRecord:
    """Absent in a session of yesterday."""
    with campus_scope(cast.campus):
        session = closed(cast, timezone.now() - timedelta(days=1))
        return AttendanceRecord.objects.get(session=session, student=cast.student)


def body(**fields: Any) -> dict[str, Any]:
    today = timezone.localdate()
    return {
        "nonce": "n0nce-of-the-form",
        "starts_at": f"{today}T00:00",
        "ends_at": f"{today}T23:59",
        "course": "",
        "category": "medical",
        "reason": "Operation",
        **fields,
    }


def ask(client: Client, **fields: Any) -> HttpResponse:
    return client.post("/leave/ask", body(**fields))  # type: ignore[return-value]


# --- Leave -----------------------------------------------------------------------------------


def test_a_request_is_sent_with_its_document_and_listed(cast: Cast, student: Client) -> None:
    document = SimpleUploadedFile("note.pdf", PDF, "application/pdf")
    answer = ask(student, attachment=document, course=cast.course.pk)
    assert answer["Location"] == "/leave/"
    with campus_scope(cast.campus):
        leave = LeaveRequest.objects.select_related("attachment").get()
        assert (leave.student, leave.course) == (cast.student, cast.course)
        assert leave.attachment is not None
        # Midnight on the campus's clock, not in UTC.
        assert leave.starts_at.astimezone(cast.campus.zone).hour == 0
    shown = student.get("/leave/").content.decode()
    assert "Operation" in shown
    assert "Waiting for a decision" in shown
    document_url = f"/api/v1/leave/{leave.pk}/attachment"
    assert document_url in shown
    assert student.get(document_url).content == PDF


def test_a_retried_form_makes_one_request(cast: Cast, student: Client) -> None:
    for _ in range(2):
        assert ask(student).status_code == 302
    with campus_scope(cast.campus):
        assert LeaveRequest.objects.count() == 1
    assert b"sent already" in student.get("/leave/").content


def test_every_form_has_a_nonce_of_its_own(student: Client) -> None:
    def nonce() -> str:
        shown = student.get("/leave/ask").content.decode()
        return shown.split('name="nonce" value="')[1].split('"')[0]

    first = nonce()
    assert len(first) == 32
    assert nonce() != first


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("reason", {"reason": ""}),
        ("starts_at", {"starts_at": "soon"}),
        ("starts_at", {"starts_at": "2020-01-01T00:00", "ends_at": "2020-01-02T00:00"}),
        ("ends_at", {"ends_at": "2020-01-01T00:00"}),
        ("ends_at", {"ends_at": "2099-01-01T00:00"}),
        ("category", {"category": "holiday"}),
        ("attachment", {"attachment": SimpleUploadedFile("a.pdf", b"MZ not a document")}),
    ],
)
def test_an_error_stands_beside_its_field(
    cast: Cast, student: Client, field: str, fields: dict[str, Any]
) -> None:
    answer = ask(student, **fields)
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert f'id="id_{field}_error"' in shown
    assert 'value="n0nce-of-the-form"' in shown  # the corrected form is the same request
    with campus_scope(cast.campus):
        assert not LeaveRequest.objects.exists()


def test_a_course_of_others_cannot_be_named(cast: Cast, student: Client) -> None:
    answer = ask(student, course=cast.other_course.pk)
    assert answer.status_code == 422
    assert b'id="id_course_error"' in answer.content


def test_in_a_dialog_the_form_comes_alone_and_leads_on_by_header(student: Client) -> None:
    form = student.get("/leave/ask", headers=HTMX).content
    assert b"<html" not in form
    refused = student.post("/leave/ask", body(reason=""), headers=HTMX)
    assert refused.status_code == 422
    assert b"<html" not in refused.content
    assert student.post("/leave/ask", body(), headers=HTMX)["HX-Redirect"] == "/leave/"


def test_too_many_requests_are_refused_in_the_form(
    cast: Cast, student: Client, settings: Settings
) -> None:
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {
            **settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"],
            "leave": "1/hour",
        },
    }
    assert ask(student).status_code == 302
    answer = ask(student, nonce="another-nonce")
    assert answer.status_code == 422
    assert b"Try again in an hour" in answer.content
    with campus_scope(cast.campus):
        assert LeaveRequest.objects.count() == 1


def test_a_request_is_withdrawn_together_with_its_document(cast: Cast, student: Client) -> None:
    ask(student, attachment=SimpleUploadedFile("note.pdf", PDF))
    with campus_scope(cast.campus):
        leave = LeaveRequest.objects.get()
    assert student.post(f"/leave/{leave.pk}/withdraw")["Location"] == "/leave/"
    with campus_scope(cast.campus):
        assert LeaveRequest.objects.get().status == "withdrawn"
        assert Attachment.objects.filter(delete_after__gt=timezone.now()).count() == 0
    shown = student.get("/leave/").content
    assert b"The request is withdrawn." in shown
    assert b"Supporting document" not in shown


def test_a_declined_request_shows_why_and_cannot_be_withdrawn(cast: Cast, student: Client) -> None:
    with campus_scope(cast.campus):
        leave = asked(cast.student, timezone.now())
        decided(leave, timezone.now(), approve=False, note="Bring the certificate.")
    shown = student.get("/leave/").content
    assert b"Bring the certificate." in shown
    assert b"/withdraw" not in shown
    answer = student.post(f"/leave/{leave.pk}/withdraw", follow=True)
    assert b"This request was declined" in answer.content


def test_the_list_takes_the_same_number_of_statements_for_any_number_of_requests(
    cast: Cast, student: Client
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            student.get("/leave/")
        return len(queries)

    ask(student, course=cast.course.pk)
    statements()
    before = statements()
    for number in range(6):
        ask(student, nonce=f"nonce-{number}", course=cast.course.pk)
    statements()  # shows the notices of the requests, which takes them out of the session
    assert statements() == before


# --- Appeals ---------------------------------------------------------------------------------


def appeal(client: Client, mark: AttendanceRecord, **fields: Any) -> HttpResponse:
    given = {"nonce": "n0nce-of-the-form", "wanted": "present", "text": "I was there.", **fields}
    return client.post(f"/attendance/{mark.pk}/appeal", given)  # type: ignore[return-value]


def test_an_appeal_is_made_once(cast: Cast, student: Client, mark: AttendanceRecord) -> None:
    for _ in range(2):
        document = SimpleUploadedFile("note.pdf", PDF)
        assert appeal(student, mark, attachment=document)["Location"] == "/attendance/"
    with campus_scope(cast.campus):
        made = Appeal.objects.get()
        assert (made.record, made.wanted, made.against) == (mark, "present", "absent")
        assert Attachment.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("text", {"text": " "}),
        ("wanted", {"wanted": "absent"}),
        ("attachment", {"attachment": SimpleUploadedFile("x.png", b"no picture")}),
    ],
)
def test_an_error_of_an_appeal_stands_beside_its_field(
    student: Client, mark: AttendanceRecord, field: str, fields: dict[str, Any]
) -> None:
    answer = appeal(student, mark, **fields)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()


def test_a_late_appeal_is_refused_in_the_form(
    cast: Cast, student: Client, mark: AttendanceRecord
) -> None:
    with campus_scope(cast.campus):
        session = mark.session
        session.starts_at -= timedelta(days=10)
        session.ends_at -= timedelta(days=10)
        session.save()
    answer = appeal(student, mark)
    assert answer.status_code == 422
    assert b"The time to appeal is over" in answer.content


def test_an_appeal_is_withdrawn(cast: Cast, student: Client, mark: AttendanceRecord) -> None:
    appeal(student, mark)
    with campus_scope(cast.campus):
        made = Appeal.objects.get()
    url = f"/attendance/appeals/{made.pk}/withdraw"
    assert client_of(cast, cast.classmate.user).post(url).status_code == 404
    assert student.post(url).status_code == 302
    with campus_scope(cast.campus):
        assert Appeal.objects.get().status == "withdrawn"


def test_the_pages_carry_no_inline_script_or_style(
    cast: Cast, student: Client, mark: AttendanceRecord
) -> None:
    ask(student)
    for path in ("/leave/", "/leave/ask", f"/attendance/{mark.pk}/appeal", "/attendance/"):
        answer = student.get(path)
        assert answer.status_code == 200, path
        assert INLINE.search(answer.content) is None, path
