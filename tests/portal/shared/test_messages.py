"""The inbox, preferences and web push of the portal."""

import hashlib
from datetime import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.notifications.channels.web_push import new_private_key, public_key
from apps.notifications.models import Channel, Delivery, Preference, PushToken, QuietHours
from apps.notifications.services import notify
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.portal.support import INLINE, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


@pytest.fixture
def _web_push(settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = new_private_key()
    settings.VAPID_SUBJECT = "mailto:it@north.example"


def tell(cast: Cast, title: str, *, kind: str = "announcement", **fields: Any) -> None:
    with campus_scope(cast.campus):
        notify(
            kind=kind,
            user_ids=[cast.student.user_id],
            title=title,
            body=fields.pop("body", "Text"),
            now=timezone.now(),
            key=title,
            **fields,
        )


def unread(cast: Cast) -> int:
    with campus_scope(cast.campus):
        return Delivery.objects.filter(channel=Channel.INBOX, read_at=None).count()


def page(client: Client, path: str = "/messages/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


# --- Inbox -----------------------------------------------------------------------------------


def test_unread_messages_come_first_and_are_counted_in_the_navigation(
    cast: Cast, student: Client
) -> None:
    tell(cast, "First")
    tell(cast, "Second")
    with campus_scope(cast.campus):
        Delivery.objects.filter(message__title="Second").update(read_at=timezone.now())
    shown = page(student)
    assert shown.index("First") < shown.index("Second")
    assert shown.count(">New</span>") == 1
    assert '<span class="nav-count numeric">1<' in page(student, "/leave/")


def test_a_text_is_filled_in_and_leads_to_what_it_is_about(cast: Cast, student: Client) -> None:
    tell(cast, "%(course)s was moved", kind="session_moved", data={"course": "CS201-A"})
    shown = page(student)
    assert "CS201-A was moved" in shown
    assert 'href="/week/"' in shown.split("<main")[1]


def test_one_message_or_all_are_marked_read(cast: Cast, student: Client) -> None:
    for title in ("First", "Second", "Third"):
        tell(cast, title)
    with campus_scope(cast.campus):
        first = Delivery.objects.get(message__title="First", channel=Channel.INBOX)
    assert student.post("/messages/read", {"message": first.message_id}).status_code == 302
    assert unread(cast) == 2
    student.post("/messages/read")
    assert unread(cast) == 0
    shown = page(student)
    assert "No unread messages." in shown
    assert "nav-count" not in shown


def test_nobody_reads_for_others(cast: Cast) -> None:
    tell(cast, "First")
    with campus_scope(cast.campus):
        message_id = Delivery.objects.filter(channel=Channel.INBOX).get().message_id
    classmate = client_of(cast, cast.classmate.user)
    assert "First" not in page(classmate)
    classmate.post("/messages/read", {"message": message_id})
    assert unread(cast) == 1


@pytest.mark.parametrize("named", ["x", "-1", "9" * 30, "²"])
def test_a_senseless_message_is_not_found(student: Client, named: str) -> None:
    assert student.post("/messages/read", {"message": named}).status_code == 404


def test_the_inbox_takes_the_same_number_of_statements_for_any_number_of_messages(
    cast: Cast, student: Client
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(student)
        return len(queries)

    tell(cast, "First")
    statements()
    before = statements()
    for number in range(10):
        tell(cast, f"Message {number}")
    assert statements() == before


def test_the_count_is_one_statement_and_none_for_strangers(cast: Cast, student: Client) -> None:
    def counted(client: Client, path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        return sum("notifications_delivery" in query["sql"] for query in queries)

    assert counted(student, "/leave/") == 1
    assert counted(client_of(cast, None), "/accounts/login/") == 0


# --- Preferences -----------------------------------------------------------------------------


def choose(client: Client, **fields: Any) -> Any:
    """Everything as it is usual, over e-mail, but for these fields."""
    return client.post("/messages/preferences", fields)


def test_choices_and_quiet_hours_are_saved_and_shown(cast: Cast, student: Client) -> None:
    answer = choose(student, kind_absence=["email"], quiet_from="22:00", quiet_until="06:30")
    assert answer.status_code == 302
    with campus_scope(cast.campus):
        rows = Preference.objects.filter(user=cast.student.user, is_wanted=True)
        assert list(rows.values_list("kind", "channel")) == [("absence", "email")]
        hours = QuietHours.objects.get(user=cast.student.user)
        assert (hours.starts_at, hours.ends_at) == (time(22), time(6, 30))
    shown = page(student, "/messages/preferences")
    assert 'value="22:00"' in shown
    choose(student)
    with campus_scope(cast.campus):
        assert not QuietHours.objects.exists()


def test_what_is_not_offered_stays_as_it_was_chosen(cast: Cast, student: Client) -> None:
    with campus_scope(cast.campus):
        for kind, channel in (("absence", "sms"), ("test", "email")):
            Preference.objects.create(
                user=cast.student.user, kind=kind, channel=channel, is_wanted=channel == "sms"
            )
    choose(student)
    with campus_scope(cast.campus):
        kept = set(Preference.objects.values_list("kind", "channel"))
    assert {("absence", "sms"), ("test", "email")} <= kept


def test_warnings_about_the_account_cannot_be_switched_off(cast: Cast, student: Client) -> None:
    box = page(student, "/messages/preferences").split('name="kind_account_security"')[1]
    assert "disabled" in box.split(">")[0]
    assert choose(student).status_code == 302
    with campus_scope(cast.campus):
        assert not Preference.objects.filter(kind="account_security").exists()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("quiet_until", {"quiet_from": "22:00"}),
        ("quiet_from", {"quiet_until": "06:00"}),
        ("quiet_until", {"quiet_from": "22:00", "quiet_until": "22:00"}),
        ("quiet_from", {"quiet_from": "late", "quiet_until": "06:00"}),
        ("kind_absence", {"kind_absence": ["pigeon"]}),
    ],
)
def test_an_error_stands_beside_its_field(
    cast: Cast, student: Client, field: str, fields: dict[str, Any]
) -> None:
    answer = choose(student, **fields)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    with campus_scope(cast.campus):
        assert not QuietHours.objects.exists()


def test_students_are_not_asked_about_kinds_of_the_office(cast: Cast, student: Client) -> None:
    lecturer = client_of(cast, cast.lecturer.user)
    assert "kind_register_not_taken" not in page(student, "/messages/preferences")
    assert "kind_register_not_taken" in page(lecturer, "/messages/preferences")


# --- Web push --------------------------------------------------------------------------------


def test_without_web_push_the_page_does_not_offer_it(student: Client) -> None:
    assert "data-push" not in page(student, "/messages/preferences")


@pytest.mark.usefixtures("_web_push")
def test_the_page_holds_the_key_and_the_fingerprint_of_the_own_browser(
    cast: Cast, student: Client
) -> None:
    endpoint = "https://fcm.googleapis.com/fcm/send/abc"
    with campus_scope(cast.campus):
        PushToken.objects.create(
            user=cast.student.user, device_type="web", token=endpoint, p256dh="p", auth="a"
        )
    shown = page(student, "/messages/preferences")
    assert f'data-key="{public_key()}"' in shown
    assert hashlib.sha256(endpoint.encode()).hexdigest() in shown
    assert endpoint not in shown
    assert 'data-known=""' in page(client_of(cast, cast.classmate.user), "/messages/preferences")


def test_the_worker_governs_the_whole_site_and_is_never_stale(cast: Cast) -> None:
    answer = client_of(cast, None).get("/sw.js")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Service-Worker-Allowed"] == "/"
    assert answer["Cache-Control"] == "public, no-cache"
    assert "script-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.usefixtures("_web_push")
def test_the_pages_carry_no_inline_script_or_style(cast: Cast, student: Client) -> None:
    tell(cast, "First")
    for path in ("/messages/", "/messages/preferences"):
        answer = student.get(path)
        assert INLINE.search(answer.content) is None, path
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
