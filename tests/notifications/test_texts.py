"""What the platform says by itself: complete, and shown to people who check the wording."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.urls import reverse

from apps.accounts.notices import password_changed
from apps.notifications.channels.base import OutgoingMessage
from apps.notifications.message_types import MESSAGE_TYPES
from apps.notifications.models import Delivery, Message
from apps.notifications.preview import shown
from apps.notifications.rendering import email_bodies
from apps.notifications.services import notify
from apps.notifications.texts import TEXTS
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of
from tests.factories import Cast
from tests.notifications.support import deliver

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
LONGEST_TITLE = 255
# As they will be offered once their catalogues are complete.
MORE_LANGUAGES = [("en", "English"), ("ar", "العربية"), ("de", "Deutsch")]


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_text_is_complete(code: str) -> None:
    text = TEXTS[code]
    assert text.kind in MESSAGE_TYPES
    assert len(text.title) <= LONGEST_TITLE
    placeholders = set(PLACEHOLDER.findall(text.title + text.body))
    assert placeholders <= set(text.sample)
    assert "%" not in PLACEHOLDER.sub("", text.title + text.body)
    for_contacts = set(PLACEHOLDER.findall(text.contact_title + text.contact_body))
    assert for_contacts <= {*text.sample, "student"}
    assert bool(text.contact_title) == MESSAGE_TYPES[text.kind].for_contacts


@pytest.mark.parametrize("code", sorted(TEXTS))
@pytest.mark.parametrize("language", ["en", "ar", "de"])
def test_every_text_is_shown_over_every_channel(code: str, language: str, settings: Any) -> None:
    settings.LANGUAGES = MORE_LANGUAGES
    for version in shown(code=code, language=language, campus_name="North Campus"):
        for part in (version.title, version.sms, version.email_text, version.email_html):
            assert part
            assert not PLACEHOLDER.search(part)
        assert version.sms == f"{version.title}\n{version.body}"
        assert f'lang="{language}"' in version.email_html


def test_types_without_a_text_are_written_by_people_or_by_other_apps() -> None:
    assert {
        code for code in MESSAGE_TYPES if code not in {text.kind for text in TEXTS.values()}
    } == {
        "announcement",
        "other",
    }


def email_of(**changes: Any) -> tuple[str, str]:
    values = {"kind": "absence", "data": {"course": "CS201 <A>", "when": "", "session": 5}}
    return email_bodies(
        OutgoingMessage(
            delivery_id=1, address="a@b.c", title="T", body="B", tag="t", **values | changes
        )
    )


def test_emails_list_the_facts_that_the_data_holds() -> None:
    text, html = email_of()
    assert "Course: CS201 <A>" in text
    assert "<td>CS201 &lt;A&gt;</td>" in html
    assert "When" not in text
    assert "session" not in text


def test_what_people_wrote_gets_no_facts() -> None:
    assert "Course" not in email_of(kind="announcement")[0]


def test_contacts_read_why_they_get_an_email() -> None:
    for part in email_of(is_for_contact=True):
        assert "agreed to be informed about this student" in part
        assert "you have an account" not in part
    assert all("you have an account" in part for part in email_of())


def test_a_kind_says_its_own_text(in_campus: Cast, now: Any) -> None:
    user = in_campus.student.user
    data = {"course": "CS201", "when": "today"}
    notify(kind="absence", user_ids=[user.pk], data=data, now=now, key="a")
    notify(
        kind="leave_decided",
        text="leave_declined",
        user_ids=[user.pk],
        data=TEXTS["leave_declined"].sample,
        now=now,
        key="b",
    )
    assert Message.objects.get(key="a").title == "You were marked absent in %(course)s"
    assert Message.objects.get(key="b").title == "Your leave was declined"
    with pytest.raises(KeyError):
        notify(kind="absence", text="nothing", user_ids=[user.pk], now=now, key="c")


def test_the_administration_shows_the_texts(cast: Cast, settings: Any) -> None:
    settings.LANGUAGES = MORE_LANGUAGES
    client = client_of(cast, cast.principal)
    page = client.get(reverse("admin:notifications_message_texts"))
    assert page.status_code == 200
    assert len(page.context["rows"]) == len(TEXTS)
    url = reverse("admin:notifications_message_text", args=["attendance_warning"])
    page = client.get(url, {"language": "ar"})
    assert [version.is_for_contact for version in page.context["versions"]] == [False, True]
    assert "dir=&quot;rtl&quot;" in page.content.decode()
    unknown = reverse("admin:notifications_message_text", args=["nothing"])
    assert client.get(unknown).status_code == 404


def test_texts_are_not_for_students(cast: Cast) -> None:
    answer = client_of(cast, cast.student.user).get(  # type: ignore[arg-type]
        reverse("admin:notifications_message_texts")
    )
    assert answer.status_code == 302
    assert "login" in answer["Location"]


@pytest.mark.django_db(transaction=True)
def test_any_text_can_be_sent_for_trying(cast: Cast) -> None:
    call_command(
        "send_test_message",
        campus=cast.campus.slug,
        to=cast.student.email,
        text="session_cancelled",
    )
    assert mail.outbox[0].subject == "CS201-A Algorithms is cancelled"


def test_forced_messages_cannot_be_switched_off(cast: Cast, api: Any, now: Any) -> None:
    user = cast.student.user
    assert user is not None
    api.force_authenticate(user)
    url = "/api/v1/me/notification-preferences"
    choice = {"kind": "account_security", "channels": {"email": False}}
    answer = api.put(url, {"kinds": [choice], "quiet_hours": None})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "forced_kind")
    silent = {"starts_at": "00:00", "ends_at": "23:59"}
    choice = {"kind": "account_security", "channels": {"sms": True}}
    assert api.put(url, {"kinds": [choice], "quiet_hours": silent}).status_code == 200
    with campus_scope(cast.campus):
        password_changed(user=user, now=now)
        assert deliver(cast.campus, "email", now) == 1
        assert Delivery.objects.get(channel="email").status == "sent"
