"""Leave and appeals over REST, as the student, the lecturer and the office use them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.attendance.models import AttendanceRecord
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.api.support import client_of, rows_of
from tests.factories import Cast, enroll
from tests.leave.support import asked, closed

pytestmark = pytest.mark.django_db

MINE = "/api/v1/me/leave"
PDF = b"%PDF-1.7 certificate %%EOF"


@pytest.fixture(autouse=True)
def _in_memory(settings: Settings) -> None:
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "default": memory}


@pytest.fixture
def student(cast: Cast) -> APIClient:
    return client_of(cast, cast.student.user)


@pytest.fixture
def lecturer(cast: Cast) -> APIClient:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    """Held yesterday; nobody came."""
    with campus_scope(cast.campus):
        return closed(cast, timezone.now() - timedelta(days=1))


def span(session: ClassSession) -> dict[str, str]:
    return {"starts_at": session.starts_at.isoformat(), "ends_at": session.ends_at.isoformat()}


def ask(client: APIClient, session: ClassSession, **fields: Any) -> Any:
    body = {"category": "medical", "reason": "Operation", "nonce": "nonce-0001", **span(session)}
    return client.post(MINE, {**body, **fields})


def status_of(cast: Cast, session: ClassSession) -> str:
    with campus_scope(cast.campus):
        return AttendanceRecord.objects.get(session=session, student=cast.student).status


def code_of(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_from_the_request_to_the_excuse_and_back(
    cast: Cast, student: APIClient, lecturer: APIClient, session: ClassSession
) -> None:
    answer = ask(student, session, course=cast.course.pk)
    assert answer.status_code == 201, answer.content
    leave = answer.json()
    assert (leave["status"], leave["course"]["code"]) == ("pending", "CS201-A")
    assert [row["id"] for row in rows_of(student, "me/leave")] == [leave["id"]]
    assert [row["student"]["code"] for row in rows_of(lecturer, "leave")] == ["STUD"]
    decided = lecturer.post(f"/api/v1/leave/{leave['id']}/decide", {"approve": True})
    assert decided.json()["effect"] == {"changed": 1, "kept": 0}
    assert decided.json()["leave"]["decided_by"] == str(cast.lecturer)
    assert status_of(cast, session) == "excused"
    back = student.post(f"{MINE}/{leave['id']}/withdraw")
    assert (back.json()["leave"]["status"], back.json()["effect"]["changed"]) == ("withdrawn", 1)
    assert status_of(cast, session) == "absent"


def test_a_retry_gets_the_first_answer(student: APIClient, session: ClassSession) -> None:
    first, again = ask(student, session), ask(student, session)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_a_request_for_all_courses_is_the_offices(
    cast: Cast, student: APIClient, lecturer: APIClient, session: ClassSession
) -> None:
    leave = ask(student, session).json()["id"]
    assert rows_of(lecturer, "leave") == []
    decide = f"/api/v1/leave/{leave}/decide"
    assert lecturer.post(decide, {"approve": True}).status_code == 404
    principal = client_of(cast, cast.principal)
    assert principal.post(decide, {"approve": True}).status_code == 200


def test_a_lecturer_who_studies_too_sees_the_own_request_and_cannot_decide_it(
    cast: Cast, session: ClassSession
) -> None:
    """One account may be both; the request is visible, its decision is somebody else's."""
    with campus_scope(cast.campus):
        cast.student.user.memberships.create(role="faculty")
        cast.outsider.user_id, old = cast.student.user_id, cast.outsider.user_id
        assert old != cast.outsider.user_id
        cast.outsider.save()
        enroll(cast.student, cast.other_course)
    both = client_of(cast, cast.student.user)
    unnamed = ask(both, session).json()["id"]
    own = ask(both, session, nonce="nonce-0002", course=cast.other_course.pk).json()["id"]
    answers = [
        both.post(f"/api/v1/leave/{leave}/decide", {"approve": True}) for leave in (unnamed, own)
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert [code_of(answer) for answer in answers] == ["not_yours_to_decide", "own_request"]


def test_a_certificate_is_read_by_the_student_and_the_deciders_only(
    cast: Cast, student: APIClient, lecturer: APIClient, session: ClassSession
) -> None:
    upload = SimpleUploadedFile("../../certificate.exe", PDF, content_type="image/gif")
    body = {
        "category": "medical",
        "reason": "Operation",
        "nonce": "nonce-0001",
        "course": cast.course.pk,
        "attachment": upload,
        **span(session),
    }
    leave = student.post(MINE, body, format="multipart").json()
    assert leave["has_attachment"] is True
    address = f"/api/v1/leave/{leave['id']}/attachment"
    for client in (student, lecturer, client_of(cast, cast.operator)):
        answer = client.get(address)
        assert (answer.status_code, answer.content) == (200, PDF)
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == f'attachment; filename="leave-{leave["id"]}.pdf"'
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
    for person in (cast.classmate.user, cast.outsider.user):
        assert client_of(cast, person).get(address).status_code == 404


def test_what_is_no_certificate_is_a_400(student: APIClient, session: ClassSession) -> None:
    upload = SimpleUploadedFile("a.pdf", b"MZ program", content_type="application/pdf")
    body = {"category": "other", "reason": "R", "nonce": "nonce-0001", "attachment": upload}
    answer = student.post(MINE, {**body, **span(session)}, format="multipart")
    assert (answer.status_code, code_of(answer)) == (400, "attachment_not_an_image")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "hangover"),
        ("reason", ""),
        ("reason", "x" * 1001),
        ("nonce", "short"),
        ("course", 0),
        ("starts_at", "yesterday"),
        ("attachment", "no file"),
    ],
)
def test_bad_input_is_named(
    student: APIClient, session: ClassSession, field: str, value: Any
) -> None:
    answer = ask(student, session, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field


def test_lists_are_filtered(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        asked(cast.student, now)
        asked(cast.classmate, now, category="family", course_id=cast.course.pk)
    office = client_of(cast, cast.operator)

    def students(**query: Any) -> list[str]:
        return sorted(row["student"]["code"] for row in rows_of(office, "leave", **query))

    assert students() == ["MATE", "STUD"]
    assert students(category="family") == ["MATE"]
    assert students(course=cast.course.pk) == ["MATE"]
    assert students(student=cast.student.pk, status="pending") == ["STUD"]
    assert students(status="approved") == []
    assert students(since=(now + timedelta(days=1)).isoformat()) == []
    assert students(until=now.isoformat()) == ["MATE", "STUD"]


@pytest.mark.parametrize("name", ["leave", "appeals"])
def test_lists_take_the_same_statements_for_any_number(
    cast: Cast, session: ClassSession, name: str
) -> None:
    office = client_of(cast, cast.operator)

    def add(who: Any) -> None:
        ask(client_of(cast, who.user), session, course=cast.course.pk)
        appeal(cast, session, who)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert office.get(f"/api/v1/{name}").status_code == 200
        return len(queries)

    add(cast.student)
    statements()
    before = statements()
    add(cast.classmate)
    add(cast.representative)
    assert statements() == before


# --- Appeals ---------------------------------------------------------------------------------


def appeal(cast: Cast, session: ClassSession, who: Any, **fields: Any) -> Any:
    with campus_scope(cast.campus):
        record = AttendanceRecord.objects.get(session=session, student=who)
    body = {"wanted": "present", "text": "I was there.", "nonce": "nonce-0001", **fields}
    return client_of(cast, who.user).post(f"/api/v1/records/{record.pk}/appeal", body)


def test_an_appeal_from_both_sides(
    cast: Cast, student: APIClient, lecturer: APIClient, session: ClassSession
) -> None:
    made = appeal(cast, session, cast.student)
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    assert appeal(cast, session, cast.student).status_code == 200
    assert [row["id"] for row in rows_of(student, "me/appeals")] == [number]
    assert [row["against"] for row in rows_of(lecturer, "appeals", status="open")] == ["absent"]
    assert rows_of(client_of(cast, cast.outsider.user), "appeals") == []
    answer = lecturer.post(f"/api/v1/appeals/{number}/decide", {"accept": True})
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert status_of(cast, session) == "present"


@pytest.mark.parametrize("wanted", ["absent", "invalid", "gold"])
def test_nobody_appeals_for_less(cast: Cast, session: ClassSession, wanted: str) -> None:
    assert appeal(cast, session, cast.student, wanted=wanted).status_code == 400


def test_a_declined_appeal_needs_words(
    cast: Cast, lecturer: APIClient, session: ClassSession
) -> None:
    number = appeal(cast, session, cast.student).json()["id"]
    decide = f"/api/v1/appeals/{number}/decide"
    assert code_of(lecturer.post(decide, {"accept": False})) == "note_required"
    answer = lecturer.post(decide, {"accept": False, "note": "Nobody saw you."})
    assert answer.json()["decision_note"] == "Nobody saw you."
