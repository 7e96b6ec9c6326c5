"""Class representatives write to their own class."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from apps.announcements.models import Announcement
from apps.announcements.selectors import with_status
from apps.enrollments.models import Department, Placement, Section
from apps.notifications.models import Delivery
from apps.tenants.scope import campus_scope
from tests.accounts.support import tokens
from tests.admin.support import client_of
from tests.factories import Cast
from tests.notifications.providers import Firebase, fcm_error
from tests.notifications.support import deliver, phone

PATH = "/api/v1/announcements"
BODY = {"title": "Room", "message": "We meet in 102.", "nonce": "n1"}


def client(cast: Cast, user: Any) -> APIClient:
    access = tokens(APIClient(headers={"host": cast.host}), user.email)["access_token"]
    return APIClient(headers={"host": cast.host, "Authorization": f"Bearer {access}"})


def put_into(section: Section, *students: Any) -> None:
    for student in students:
        Placement.objects.create(student=student, section=section)


@pytest.fixture
def classroom(cast: Cast) -> Cast:
    """Representative, student and classmate are one class; the stranger is in another."""
    with campus_scope(cast.campus):
        department = Department.objects.get(code="CSE")
        put_into(Section.objects.get(name="A"), cast.representative, cast.student, cast.classmate)
        other = Section.objects.create(department=department, year=2, name="B")
        put_into(other, cast.stranger)
    return cast


@pytest.fixture
def representative(classroom: Cast) -> APIClient:
    return client(classroom, classroom.representative.user)


@pytest.fixture
def firebase(classroom: Cast, settings: Any, tmp_path: Path) -> Iterator[Firebase]:
    """Student and classmate have phones."""
    with Firebase().running() as server:
        settings.FCM_URL = server.url
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
        settings.FCM_CREDENTIALS_FILE = str(server.write_credentials(tmp_path))
        with campus_scope(classroom.campus):
            phone(classroom.student.user, token="student")
            phone(classroom.classmate.user, token="classmate")
            phone(classroom.representative.user, token="representative")
            phone(classroom.stranger.user, token="stranger")
        yield server


def test_the_class_hears_it_and_the_sender_does_not(
    classroom: Cast, representative: APIClient, firebase: Firebase, now: datetime
) -> None:
    answer = representative.post(PATH, BODY)
    assert answer.status_code == 201
    assert answer.json()["recipient_count"] == 2
    assert answer.json()["status"] == "sending"
    assert answer.json()["section"] == "CSE-2A"
    deliver(classroom.campus, "push", datetime.now().astimezone())
    assert firebase.received == {"student": 1, "classmate": 1}
    note = firebase.heard[-1].json["message"]["notification"]
    assert note == {"title": "Room", "body": "We meet in 102."}
    assert representative.get(PATH).json()["results"][0]["status"] == "success"


@pytest.mark.parametrize(
    ("lost", "status"), [(["student"], "partial"), (["student", "classmate"], "failed")]
)
def test_the_status_says_how_far_it_got(
    classroom: Cast, representative: APIClient, firebase: Firebase, lost: list[str], status: str
) -> None:
    firebase.unregistered.update(lost)
    representative.post(PATH, BODY)
    deliver(classroom.campus, "push", datetime.now().astimezone())
    assert representative.get(PATH).json()["results"][0]["status"] == status


def test_it_is_still_being_sent_while_some_will_be_tried_again(
    classroom: Cast, representative: APIClient, firebase: Firebase
) -> None:
    firebase.script.append(fcm_error(429, "QUOTA_EXCEEDED", "slow down"))
    representative.post(PATH, BODY)
    deliver(classroom.campus, "push", datetime.now().astimezone())
    assert representative.get(PATH).json()["results"][0]["status"] == "sending"


def test_without_any_phone_the_inbox_is_success(representative: APIClient) -> None:
    assert representative.post(PATH, BODY).json()["status"] == "success"


def test_the_class_reads_it_in_the_inbox(classroom: Cast, representative: APIClient) -> None:
    representative.post(PATH, BODY)
    student = client(classroom, classroom.student.user)
    (received,) = student.get(f"{PATH}/received").json()["results"]
    assert (received["title"], received["sender"]) == ("Room", "Student REPR")
    (inbox,) = student.get("/api/v1/me/notifications").json()["results"]
    assert (inbox["kind"], inbox["id"]) == ("announcement", received["inbox_id"])
    student.post("/api/v1/me/notifications/read", {})
    assert student.get(f"{PATH}/received").json()["results"][0]["read_at"] is not None
    for user in (classroom.stranger.user, classroom.representative.user):
        assert client(classroom, user).get(f"{PATH}/received").json()["results"] == []


def test_the_same_nonce_is_the_same_announcement(
    classroom: Cast, representative: APIClient
) -> None:
    first = representative.post(PATH, BODY)
    again = representative.post(PATH, {**BODY, "title": "Changed"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    with campus_scope(classroom.campus):
        assert Delivery.objects.filter(channel="inbox").count() == 2


def test_only_representatives_announce(classroom: Cast) -> None:
    answer = client(classroom, classroom.student.user).post(PATH, BODY)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == "not_a_representative"


def test_former_classmates_and_inactive_students_are_left_out(
    classroom: Cast, representative: APIClient
) -> None:
    with campus_scope(classroom.campus):
        Placement.objects.filter(student=classroom.classmate).update(is_current=False)
    assert representative.post(PATH, BODY).json()["recipient_count"] == 1
    with campus_scope(classroom.campus):
        classroom.student.is_active = False
        classroom.student.save()
    answer = representative.post(PATH, {**BODY, "nonce": "n2"})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "no_classmates"


def test_a_representative_without_a_class_is_told_so(
    classroom: Cast, representative: APIClient
) -> None:
    with campus_scope(classroom.campus):
        Placement.objects.all().delete()
    answer = representative.post(PATH, BODY)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "no_class"


def test_ten_announcements_an_hour(representative: APIClient) -> None:
    answers = [
        representative.post(PATH, {**BODY, "nonce": str(number)}).status_code
        for number in range(11)
    ]
    assert answers == [201] * 10 + [429]
    assert representative.get(PATH).status_code == 200  # reading is not limited


def test_the_history_is_ones_own_newest_first(classroom: Cast, representative: APIClient) -> None:
    for number in range(3):
        representative.post(PATH, {**BODY, "title": f"T{number}", "nonce": str(number)})
    with CaptureQueriesContext(connection) as captured:
        rows = representative.get(PATH).json()["results"]
    assert [row["title"] for row in rows] == ["T2", "T1", "T0"]
    assert len(captured) <= 8
    with campus_scope(classroom.campus):
        classroom.classmate.is_representative = True
        classroom.classmate.save()
    assert client(classroom, classroom.classmate.user).get(PATH).json()["results"] == []


@pytest.mark.parametrize("field", ["title", "message", "nonce"])
def test_an_announcement_says_something(representative: APIClient, field: str) -> None:
    answer = representative.post(PATH, {**BODY, field: " "})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field


def test_the_office_sees_all_of_them(classroom: Cast, representative: APIClient) -> None:
    representative.post(PATH, BODY)
    page = reverse("admin:announcements_announcement_changelist")
    shown = client_of(classroom, classroom.operator).get(page).content.decode()
    assert "Room" in shown
    assert "sent to all" in shown


def test_another_campus_has_announcements_of_its_own(
    classroom: Cast, representative: APIClient, other_cast: Cast
) -> None:
    representative.post(PATH, BODY)
    with campus_scope(other_cast.campus):
        assert not with_status().exists()
        assert Announcement.objects.count() == 0
