"""Announcements on pages: what the class reads, what representatives write."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.announcements.models import Announcement
from apps.enrollments.models import Placement
from apps.notifications.models import Delivery
from apps.notifications.services import mark_read
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

WORDS = {"title": "Room", "message": "We meet in 102.", "nonce": "nonce-0001"}


@pytest.fixture
def room(cast: Cast) -> Cast:
    """Representative, student and classmate are one class."""
    with campus_scope(cast.campus):
        for person in (cast.representative, cast.student, cast.classmate):
            Placement.objects.create(student=person, section=cast.course.section)
    return cast


@pytest.fixture
def representative(room: Cast) -> Client:
    return client_of(room, room.representative.user)


def page(client: Client, path: str = "/class/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_form_says_whom_it_reaches(room: Cast, representative: Client) -> None:
    text = page(representative, "/class/write")
    assert "It reaches 2 classmates in CSE-2A" in text
    assert room.student.full_name in text
    assert room.classmate.full_name in text
    assert room.stranger.full_name not in text


def test_it_is_looked_at_then_changed_then_sent(room: Cast, representative: Client) -> None:
    look = representative.post("/class/write", {**WORDS, "step": "preview"})
    assert look.status_code == 200
    assert b"Send to 2 classmates" in b" ".join(look.content.split())
    with campus_scope(room.campus):
        assert not Announcement.objects.exists()
    again = representative.post("/class/write", {**WORDS, "step": "edit"})
    assert b"We meet in 102.</textarea>" in again.content
    assert representative.post("/class/write", {**WORDS, "step": "send"})["Location"] == "/class/"
    text = page(representative)
    assert "Your announcement is on its way." in text
    assert "to 2 classmates" in text
    assert "0 have read it" in text


def test_sent_twice_is_sent_once(room: Cast, representative: Client) -> None:
    for _time in range(2):
        representative.post("/class/write", {**WORDS, "step": "send"})
    with campus_scope(room.campus):
        assert Announcement.objects.count() == 1
    assert "sent already" in page(representative)


def test_the_history_counts_who_has_read_it(room: Cast, representative: Client) -> None:
    representative.post("/class/write", {**WORDS, "step": "send"})
    with campus_scope(room.campus):
        mine = Delivery.objects.get(user=room.student.user, channel="inbox")
        mark_read(user=room.student.user, message_ids=[mine.message_id], now=timezone.now())
    assert "1 has read it" in page(representative)


def test_the_class_reads_it(room: Cast, representative: Client) -> None:
    representative.post("/class/write", {**WORDS, "step": "send"})
    text = page(client_of(room, room.student.user))
    assert "We meet in 102." in text
    assert room.representative.full_name in text
    assert "/class/write" not in text
    assert "We meet in 102." not in page(client_of(room, room.stranger.user))
    assert "We meet in 102." not in page(representative, "/class/?show=received")


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_else_writes(room: Cast, method: str) -> None:
    client = client_of(room, room.student.user)
    assert getattr(client, method)("/class/write", {**WORDS, "step": "send"}).status_code == 403
    with campus_scope(room.campus):
        assert not Announcement.objects.exists()


def test_an_empty_message_is_refused_beside_its_field(representative: Client) -> None:
    answer = representative.post("/class/write", {**WORDS, "message": " ", "step": "send"})
    assert answer.status_code == 422
    assert b"id_message_error" in answer.content


def test_outside_a_class_there_is_nobody_to_write_to(cast: Cast) -> None:
    client = client_of(cast, cast.representative.user)
    assert "You are not in a class at the moment." in page(client, "/class/write")
    answer = client.post("/class/write", {**WORDS, "step": "send"})
    assert answer.status_code == 422
    assert b"You are not in a class at the moment." in answer.content


def test_looking_costs_nothing_and_sending_is_limited(
    representative: Client, settings: Settings
) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    rate, rates["announcement"] = rates["announcement"], "1/hour"
    try:
        for number in range(3):
            given = {**WORDS, "nonce": f"nonce-000{number}", "step": "preview"}
            assert representative.post("/class/write", given).status_code == 200
        sent = [
            representative.post(
                "/class/write", {**WORDS, "nonce": f"nonce-100{number}", "step": "send"}
            ).status_code
            for number in range(2)
        ]
    finally:
        rates["announcement"] = rate
    assert sent == [302, 422]


def test_the_list_asks_no_more_for_many(representative: Client) -> None:
    representative.post("/class/write", {**WORDS, "step": "send"})
    page(representative)

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(representative)
        return len(asked)

    before = statements()
    for number in range(4):
        given = {**WORDS, "nonce": f"nonce-200{number}", "step": "send"}
        representative.post("/class/write", given)
    page(representative)
    assert statements() == before
