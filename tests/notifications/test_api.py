"""Everybody's own inbox, devices and choices over REST, and the operators' view."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import RequestFactory
from django.urls import reverse
from rest_framework.test import APIClient

from apps.audit.models import Entry
from apps.notifications import circuit_breaker
from apps.notifications.models import Delivery, Message, PushToken
from apps.ops.views.health import readyz
from apps.tenants.scope import campus_scope
from tests.accounts.support import tokens
from tests.admin.support import client_of
from tests.factories import Cast
from tests.notifications.support import tell


def client(cast: Cast, user: Any) -> APIClient:
    access = tokens(APIClient(headers={"host": cast.host}), user.email)["access_token"]
    return APIClient(headers={"host": cast.host, "Authorization": f"Bearer {access}"})


@pytest.fixture
def student(cast: Cast) -> APIClient:
    return client(cast, cast.student.user)


@pytest.fixture
def three(cast: Cast, now: datetime) -> None:
    """Three messages for the student, one for the classmate."""
    with campus_scope(cast.campus):
        for number in range(3):
            tell(
                cast.student.user,
                now=now + timedelta(minutes=number),
                key=f"n{number}",
                title=f"Number {number}",
                body="%(course)s",
                data={"course": "CS201"},
            )
        tell(cast.classmate.user, now=now, key="mate")


@pytest.mark.usefixtures("three")
def test_the_inbox_is_ones_own_newest_first(
    cast: Cast, student: APIClient, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        page = student.get("/api/v1/me/notifications?page_size=2").json()
    assert (page["count"], page["unread"]) == (3, 3)
    assert [row["title"] for row in page["results"]] == ["Number 2", "Number 1"]
    assert page["results"][0]["body"] == "CS201"
    assert page["results"][0]["read_at"] is None


@pytest.mark.usefixtures("three")
def test_messages_are_marked_read(cast: Cast, student: APIClient) -> None:
    newest = student.get("/api/v1/me/notifications").json()["results"][0]["id"]
    with campus_scope(cast.campus):
        foreign = Message.objects.get(key="mate").pk
    some = student.post("/api/v1/me/notifications/read", {"ids": [newest, foreign]})
    assert some.json() == {"marked": 1, "unread": 2}
    assert student.post("/api/v1/me/notifications/read", {}).json() == {"marked": 2, "unread": 0}
    with campus_scope(cast.campus):
        assert Delivery.objects.get(message_id=foreign, channel="inbox").read_at is None


@pytest.mark.usefixtures("three")
def test_the_inbox_speaks_the_readers_language(cast: Cast, student: APIClient) -> None:
    with campus_scope(cast.campus):
        tell(cast.student.user, now=datetime.now().astimezone(), key="de", title="Save")
        assert cast.student.user is not None
        cast.student.user.language = "de"
        cast.student.user.save()
    title = student.get("/api/v1/me/notifications").json()["results"][0]["title"]
    assert title == "Speichern"


def test_a_phone_registers_and_is_replaced(cast: Cast, student: APIClient) -> None:
    path = "/api/v1/me/push-tokens"
    first = student.post(path, {"device_type": "android", "token": "one"})
    assert first.status_code == 201
    again = student.post(path, {"device_type": "android", "token": "two"})
    assert again.status_code == 200
    assert student.post(path, {"device_type": "ios", "token": "three"}).status_code == 201
    devices = student.get(path).json()["devices"]
    assert [device["device_type"] for device in devices] == ["android", "ios"]
    with campus_scope(cast.campus):
        assert sorted(PushToken.objects.values_list("token", flat=True)) == ["three", "two"]
        assert Entry.objects.filter(action="push_token.registered").count() == 3


def test_a_phone_that_changes_hands_leaves_the_first_owner(cast: Cast, student: APIClient) -> None:
    path = "/api/v1/me/push-tokens"
    student.post(path, {"device_type": "android", "token": "phone"})
    mate = client(cast, cast.classmate.user)
    assert mate.post(path, {"device_type": "android", "token": "phone"}).status_code == 201
    assert student.get(path).json()["devices"] == []
    with campus_scope(cast.campus):
        assert PushToken.objects.get().user == cast.classmate.user


def test_the_same_token_twice_changes_nothing(cast: Cast, student: APIClient) -> None:
    path, body = "/api/v1/me/push-tokens", {"device_type": "android", "token": "phone"}
    assert [student.post(path, body).status_code for _ in range(2)] == [201, 200]
    moved = student.post(path, {**body, "device_type": "ios"})
    assert [row["device_type"] for row in moved.json()["devices"]] == ["ios"]


def test_a_phone_is_removed(cast: Cast, student: APIClient) -> None:
    student.post("/api/v1/me/push-tokens", {"device_type": "ios", "token": "one"})
    assert student.delete("/api/v1/me/push-tokens/ios").status_code == 204
    assert student.delete("/api/v1/me/push-tokens/ios").status_code == 404


def test_a_browser_without_keys_is_refused(student: APIClient) -> None:
    body = {"device_type": "web", "token": "https://fcm.googleapis.com/fcm/send/x"}
    answer = student.post("/api/v1/me/push-tokens", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "bad_subscription"


def test_the_usual_channels_show_until_one_chooses(cast: Cast, student: APIClient) -> None:
    path = "/api/v1/me/notification-preferences"
    shown = {row["kind"]: row["channels"] for row in student.get(path).json()["kinds"]}
    assert shown["attendance_warning"]["email"] is True
    body = {
        "kinds": [{"kind": "attendance_warning", "channels": {"email": False, "push": True}}],
        "quiet_hours": {"starts_at": "22:00", "ends_at": "07:00"},
    }
    answer = student.put(path, body).json()
    shown = {row["kind"]: row["channels"] for row in answer["kinds"]}
    assert shown["attendance_warning"] == {
        "push": True,
        "web_push": True,
        "email": False,
        "sms": False,
    }
    assert answer["quiet_hours"] == {"starts_at": "22:00:00", "ends_at": "07:00:00"}
    assert student.put(path, {"kinds": [], "quiet_hours": None}).json()["quiet_hours"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kinds": [{"kind": "nonsense", "channels": {}}]}, None),
        ({"kinds": [{"kind": "nonsense", "channels": {"sms": True}}]}, "unknown_kind"),
        ({"kinds": [{"kind": "absence", "channels": {"inbox": False}}]}, "unknown_channel"),
        (
            {"kinds": [], "quiet_hours": {"starts_at": "08:00", "ends_at": "08:00"}},
            "empty_quiet_hours",
        ),
    ],
)
def test_choices_that_do_not_exist_are_refused(
    student: APIClient, body: dict[str, Any], code: str | None
) -> None:
    answer = student.put("/api/v1/me/notification-preferences", {"quiet_hours": None, **body})
    assert answer.status_code == (400 if code else 200)
    if code:
        assert answer.json()["errors"][0]["code"] == code


@pytest.mark.usefixtures("three")
def test_operators_read_the_history(cast: Cast, django_assert_max_num_queries: Any) -> None:
    operator = client(cast, cast.operator)
    with django_assert_max_num_queries(8):
        page = operator.get("/api/v1/notifications/history").json()
    newest = page["results"][0]
    assert page["count"] == 4
    with campus_scope(cast.campus):
        assert newest["id"] == str(Message.objects.latest("created_at", "id").pk)
    assert (newest["title"], newest["people"]) == ("Number 2", 1)
    assert (newest["open"], newest["sent"], newest["dead"]) == (1, 0, 0)


@pytest.mark.usefixtures("three")
def test_what_was_given_up_is_tried_again_from_the_admin(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Delivery.objects.filter(channel="email").update(status="dead", error="550 No such user")
        chosen = Delivery.objects.filter(channel="email").values_list("pk", flat=True)
        ids = list(chosen)
    page = reverse("admin:notifications_delivery_changelist")
    operator = client_of(cast, cast.operator)
    shown = operator.get(f"{page}?status__exact=dead")
    text = shown.content.decode()
    assert "550 No such user" in text
    assert "Oldest waiting" in text
    operator.post(page, {"action": "retry", "_selected_action": ids[:2]})
    with campus_scope(cast.campus):
        statuses = Delivery.objects.filter(channel="email").values_list("status", flat=True)
        assert sorted(statuses) == ["dead", "dead", "waiting", "waiting"]


@pytest.mark.usefixtures("three")
def test_principals_look_and_do_not_retry(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Delivery.objects.filter(channel="email").update(status="dead")
        ids = list(Delivery.objects.filter(channel="email").values_list("pk", flat=True))
    page = reverse("admin:notifications_delivery_changelist")
    principal = client_of(cast, cast.principal)
    assert principal.get(page).status_code == 200
    principal.post(page, {"action": "retry", "_selected_action": ids})
    with campus_scope(cast.campus):
        assert not Delivery.objects.filter(status="waiting").exists()


@pytest.mark.usefixtures("three")
def test_a_message_is_previewed_in_the_admin(cast: Cast) -> None:
    with campus_scope(cast.campus):
        message = Message.objects.get(key="n1")
    page = reverse("admin:notifications_message_change", args=[message.pk])
    shown = client_of(cast, cast.admin).get(page).content.decode()
    assert "English: Number 1" in shown
    assert "<p>CS201</p>" in shown


def output_of(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("three")
def test_the_status_command_counts_and_names_what_is_down(cast: Cast, now: datetime) -> None:
    circuit_breaker.fails(name="email", error="Connection refused", retry_after=None, now=now)
    text = output_of("notifications", "--status", "--campus=north")
    (line,) = (line for line in text.splitlines() if line.startswith("email"))
    assert line.split()[1:5] == ["4", "0", "0", "0"]
    assert "DOWN since 2026-09-14 08:00 UTC: Connection refused" in line
    assert "not configured" in text


def test_a_new_key_for_web_push_is_printed(db: None) -> None:
    assert len(output_of("notifications", "--new-vapid-key").strip()) == 43


def test_a_test_message_goes_all_the_way(cast: Cast) -> None:
    text = output_of("send_test_message", "--campus=north", f"--to={cast.admin.email}")
    assert "email: sent" in text
    assert "push: not configured" in text
    assert mail.outbox[0].to == [cast.admin.email]


@pytest.mark.django_db
def test_the_health_check_names_a_provider_that_is_down(now: datetime) -> None:
    circuit_breaker.fails(name="push", error="503", retry_after=None, now=now)
    answer = readyz(RequestFactory().get("/readyz"))
    assert answer.status_code == 200  # no reason to send people elsewhere
    assert b'"providers_down": ["push"]' in answer.content
