"""The class is told of a session that does not take place as planned, by any way of changing it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.services import Actor
from apps.checkin.models import CheckInAttempt
from apps.notifications.models import Delivery, Message
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel, session_remove
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of
from tests.factories import Cast, make_classroom, make_session

ADA = Actor(label="Ada")
HOUR = timedelta(hours=1)


@pytest.fixture
def tomorrow(cast: Cast) -> ClassSession:
    """A session that has not begun yet, by the clock on the wall."""
    starts_at = timezone.now().replace(microsecond=0, second=0) + timedelta(days=1)
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=starts_at, ends_at=starts_at + HOUR)


@pytest.fixture
def office(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def told(cast: Cast, kind: str) -> tuple[Message, set[int]]:
    """The one message of that kind and who heard it."""
    with campus_scope(cast.campus):
        message = Message.objects.get(kind=kind)
        heard = Delivery.objects.filter(message=message, channel="inbox")
        return message, set(heard.values_list("user_id", flat=True))


def everybody(cast: Cast) -> set[int]:
    people: list[Any] = [cast.student, cast.classmate, cast.representative, cast.lecturer]
    return {person.user_id for person in people}


def test_the_lecturers_app_cancels(cast: Cast, tomorrow: ClassSession, api: Any) -> None:
    api.force_authenticate(cast.lecturer.user)
    url = f"/api/v1/sessions/{tomorrow.pk}/cancel"
    assert api.post(url, {"reason": "I am ill."}).status_code == 200
    message, heard = told(cast, "session_cancelled")
    assert heard == everybody(cast)
    assert message.data["note"] == "I am ill."


def test_the_office_cancels(cast: Cast, tomorrow: ClassSession, office: Client) -> None:
    url = reverse("admin:class_sessions_classsession_changelist")
    office.post(url, {"action": "cancel", "_selected_action": [tomorrow.pk]})
    assert told(cast, "session_cancelled")[1] == everybody(cast)


def test_the_office_gives_it_another_room(
    cast: Cast, tomorrow: ClassSession, office: Client
) -> None:
    with campus_scope(cast.campus):
        room = make_classroom("204")
    url = reverse("admin:class_sessions_classsession_change", args=[tomorrow.pk])
    assert office.post(url, _form(cast, office, url, classroom=room.pk)).status_code == 302
    message, heard = told(cast, "session_moved")
    assert heard == everybody(cast)
    assert (message.data["old_room"], message.data["room"]) == ("Main 101", "Main 204")


def test_another_topic_is_no_news(cast: Cast, tomorrow: ClassSession, office: Client) -> None:
    url = reverse("admin:class_sessions_classsession_change", args=[tomorrow.pk])
    assert office.post(url, _form(cast, office, url, topic="Trees")).status_code == 302
    with campus_scope(cast.campus):
        assert ClassSession.objects.get().topic == "Trees"
        assert not Message.objects.exists()


def test_the_office_deletes_it(cast: Cast, tomorrow: ClassSession, office: Client) -> None:
    url = reverse("admin:class_sessions_classsession_delete", args=[tomorrow.pk])
    assert office.post(url, {"post": "yes"}).status_code == 302
    assert told(cast, "session_cancelled")[1] == everybody(cast)


def _form(cast: Cast, office: Client, url: str, **changes: Any) -> dict[str, Any]:
    """The page's form as it is, with the two parts of each moment, and these changes."""
    page = office.get(url)
    form = fields_of(page)
    for name in ("starts_at", "ends_at"):
        del form[name]
        moment = getattr(page.context["original"], name).astimezone(cast.campus.zone)
        form[f"{name}_0"], form[f"{name}_1"] = f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"
    return form | changes


def test_what_is_over_is_no_news(in_campus: Cast, now: datetime) -> None:
    session = make_session(in_campus.course, starts_at=now - 2 * HOUR, ends_at=now)
    session_cancel(session=session, reason="never held", now=now, actor=ADA)
    assert not Message.objects.exists()


@pytest.mark.parametrize("is_tried", [True, False])
def test_what_is_taken_off_the_timetable_is_told_once(
    in_campus: Cast, now: datetime, is_tried: bool
) -> None:
    session = make_session(in_campus.course, starts_at=now + HOUR)
    if is_tried:
        CheckInAttempt.objects.create(
            session=session,
            student=in_campus.student,
            nonce="n",
            method="qr",
            outcome="refused",
            received_at=now,
        )
    kept = session_remove(session=session, reason="", now=now, actor=ADA)
    assert (kept is not None) == is_tried
    assert Message.objects.get().kind == "session_cancelled"
