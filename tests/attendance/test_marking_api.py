"""Marks by hand over REST: bulk, undo, afterwards, history, statuses."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.attendance.models import AttendanceRecord, CustomStatus, Policy, Status
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session
from tests.phone import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def lecturer(cast: Cast) -> APIClient:
    return teacher(cast, cast.lecturer.user)


def teacher(cast: Cast, user: User | None) -> APIClient:
    assert user is not None
    return signed_in(cast, user)


def send(client: APIClient, session: ClassSession, what: str, body: dict) -> tuple[int, dict]:
    answer = client.post(f"/api/v1/sessions/{session.pk}/{what}", body, format="json")
    return answer.status_code, answer.json()


def code_of(answer: dict) -> str:
    return answer["errors"][0]["code"]


def rows(*marks: tuple[int, str, str]) -> list[dict]:
    return [{"student": s, "status": status, "was": was} for s, status, was in marks]


def test_a_hall_is_marked_undone_and_looked_up(
    cast: Cast, session: ClassSession, lecturer: APIClient
) -> None:
    marks = rows((cast.student.pk, "present", ""), (cast.stranger.pk, "present", ""))
    status, answer = send(lecturer, session, "mark-bulk", {"nonce": "nonce-0001", "marks": marks})
    assert status == 200
    assert [row["result"] for row in answer["results"]] == ["saved", "refused"]
    assert answer["results"][1]["message"] == "This student is not in the register."
    status, undone = send(lecturer, session, "undo", {"bulk": answer["bulk"]})
    assert (status, undone["results"][0]["status"]) == (200, "")
    assert send(lecturer, session, "undo", {})[0] == 404
    history = lecturer.get(f"/api/v1/sessions/{session.pk}/history").json()
    assert [(r["code"], r["before"], r["after"]) for r in history["results"]] == [
        ("STUD", "present", ""),
        ("STUD", "", "present"),
    ]


def test_a_conflict_tells_what_the_register_shows(
    cast: Cast, session: ClassSession, lecturer: APIClient
) -> None:
    assert send(lecturer, session, "mark", {"student": cast.student.pk, "status": "late"})[0] == 200
    marks = rows((cast.student.pk, "absent", ""))
    _, answer = send(lecturer, session, "mark-bulk", {"nonce": "nonce-0001", "marks": marks})
    assert answer["results"] == [
        {
            "student": cast.student.pk,
            "result": "conflict",
            "code": "changed_since",
            "message": "Somebody or something else marked this student meanwhile.",
            "status": "late",
            "label": "",
        }
    ]


def test_a_mark_with_a_status_of_the_campus_shows_on_the_board(
    cast: Cast, session: ClassSession, lecturer: APIClient
) -> None:
    admin = teacher(cast, cast.admin)
    made = admin.post(
        "/api/v1/statuses",
        {"code": "trip", "name": "Field trip", "meaning": "excused", "points": "1.00"},
        format="json",
    )
    assert (made.status_code, made.json()["counts_as"]) == (201, "neutral")
    body = {"student": cast.student.pk, "status": "excused", "label": "trip"}
    status, marked = send(lecturer, session, "mark", body)
    assert (status, marked["label"], marked["policy_version"]) == (200, "trip", 0)
    board = lecturer.get(f"/api/v1/sessions/{session.pk}/board").json()
    shown = {row["code"]: (row["status"], row["label"], row["label_name"]) for row in board["rows"]}
    assert shown["STUD"] == ("excused", "trip", "Field trip")
    address = f"/api/v1/statuses/{made.json()['id']}"
    refused = admin.patch(address, {"meaning": "absent"}, format="json")
    assert (refused.status_code, code_of(refused.json())) == (409, "status_in_use")
    assert admin.patch(address, {"is_active": False}, format="json").json()["is_active"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"marks": []},
        {"nonce": "short", "marks": [{"student": 1, "status": "present", "was": ""}]},
        {"nonce": "nonce-0001", "marks": []},
        {"nonce": "nonce-0001", "marks": [{"student": 1, "status": "present"}]},
        {"nonce": "nonce-0001", "marks": [{"student": 1, "status": "asleep", "was": ""}]},
        {"nonce": "nonce-0001", "marks": [{"student": 0, "status": "late", "was": ""}]},
        {
            "nonce": "nonce-0001",
            "marks": [{"student": 1, "status": "late", "was": ""}] * 1001,
        },
    ],
)
def test_malformed_bulk_marks_are_a_400(
    session: ClassSession, lecturer: APIClient, body: dict
) -> None:
    assert send(lecturer, session, "mark-bulk", body)[0] == 400


def test_an_administrator_corrects_what_the_lecturer_may_no_longer(
    cast: Cast, lecturer: APIClient
) -> None:
    ended = timezone.now() - timedelta(days=20)
    with campus_scope(cast.campus):
        session = make_session(
            cast.course, starts_at=ended, status="completed", opened_at=ended, closed_at=ended
        )
        AttendanceRecord.objects.create(
            session=session,
            student=cast.student,
            status=Status.ABSENT,
            source="closing",
            recorded_at=ended,
        )
    body = {"student": cast.student.pk, "status": "present", "reason": "list found"}
    status, answer = send(lecturer, session, "mark", body)
    assert (status, code_of(answer)) == (409, "edit_time_over")
    admin = teacher(cast, cast.admin)
    assert send(admin, session, "mark", body)[1]["status"] == "present"
    with campus_scope(cast.campus):
        Policy.objects.create(
            version=1, created_at=ended, locked_before=timezone.now().date() - timedelta(days=1)
        )
    status, answer = send(admin, session, "mark", {**body, "status": "late"})
    assert (status, code_of(answer)) == (409, "register_locked")


def test_a_register_is_taken_afterwards(cast: Cast, lecturer: APIClient) -> None:
    with campus_scope(cast.campus):
        missed = make_session(cast.course, starts_at=timezone.now() - timedelta(days=2))
        soon = make_session(cast.course, starts_at=timezone.now())
    marks = [{"student": cast.student.pk, "status": "present"}]
    body = {"nonce": "nonce-0001", "topic": "Graphs", "marks": marks}
    status, answer = send(lecturer, missed, "take", body)
    assert (status, [row["result"] for row in answer["results"]]) == (201, ["saved"])
    assert send(lecturer, missed, "take", body)[1] == answer
    status, answer = send(lecturer, soon, "take", {**body, "nonce": "nonce-0002"})
    assert (status, code_of(answer)) == (409, "open_it_instead")
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.filter(session=missed).count() == 3


def test_another_lecturers_register_is_not_there(cast: Cast, session: ClassSession) -> None:
    outsider = teacher(cast, cast.outsider.user)
    for what in ("mark", "mark-bulk", "undo", "take"):
        assert send(outsider, session, what, {})[0] == 404
    assert outsider.get(f"/api/v1/sessions/{session.pk}/history").status_code == 404


def test_a_status_cannot_take_the_code_of_a_meaning_or_of_another(cast: Cast) -> None:
    admin = teacher(cast, cast.admin)
    body = {"code": "late", "name": "Late", "meaning": "late", "points": "0.50"}
    assert admin.post("/api/v1/statuses", body, format="json").status_code == 400
    body["code"] = "very-late"
    assert admin.post("/api/v1/statuses", body, format="json").status_code == 201
    again = admin.post("/api/v1/statuses", body, format="json")
    assert (again.status_code, code_of(again.json())) == (400, "invalid_status")
    with campus_scope(cast.campus):
        assert CustomStatus.objects.count() == 1
