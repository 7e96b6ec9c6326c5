"""Guardians and advisers: told only where the campus wants it and they agreed."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Contact, Student
from apps.audit.models import Entry
from apps.audit.sealed_data import open_data
from apps.notifications.models import CampusMessages, Delivery, Message
from apps.notifications.selectors import history
from apps.notifications.services import notify
from apps.notifications.texts import TEXTS
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of
from tests.factories import Cast
from tests.notifications.support import deliver

WARNING = "attendance_warning"


def contact(student: Student, **fields: Any) -> Contact:
    return Contact.objects.create(
        student=student,
        **{
            "name": "Annabella",
            "relation": "guardian",
            "email": "annabella@home.example",
            "consented_on": date(2026, 9, 1),
            "consent_note": "The student, on the form.",
            **fields,
        },
    )


def warn(student: Student, now: datetime, kind: str = WARNING, **changes: Any) -> int:
    return notify(
        kind=kind,
        user_ids=[student.user_id or 0],
        data=TEXTS[kind].sample,
        now=now,
        **{"key": "w", **changes},
    )


def to_contacts() -> list[tuple[str, str]]:
    """(channel, status) of what goes to contacts."""
    rows = Delivery.objects.exclude(contact=0).order_by("id")
    return list(rows.values_list("channel", "status"))


@pytest.fixture
def telling(in_campus: Cast) -> Cast:
    """A campus that tells contacts."""
    CampusMessages.objects.create(tells_contacts=True)
    return in_campus


@pytest.fixture
def sms(settings: Any) -> None:
    settings.SMS_BACKEND = "apps.notifications.channels.sms.ConsoleBackend"


def test_nobody_is_told_before_the_campus_wants_it(in_campus: Cast, now: datetime) -> None:
    contact(in_campus.student)
    assert warn(in_campus.student, now) == 1
    assert to_contacts() == []


def test_a_letter_speaks_of_the_student_in_the_contacts_language(
    telling: Cast, now: datetime, settings: Any
) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "العربية")]
    contact(telling.student, language="ar")
    contact(telling.classmate, email="other@home.example")
    assert warn(telling.student, now) == 1
    assert deliver(telling.campus, "email", now) == 2
    received: Any = next(sent for sent in mail.outbox if sent.to == ["annabella@home.example"])
    assert telling.student.full_name in received.subject
    assert 'dir="rtl"' in received.alternatives[0][0]
    assert {sent.to[0] for sent in mail.outbox} == {
        "annabella@home.example",
        telling.student.email,
    }


def test_the_same_warning_reaches_a_contact_once(telling: Cast, now: datetime) -> None:
    contact(telling.student)
    for _ in range(2):
        warn(telling.student, now)
    assert to_contacts() == [("email", "waiting")]


@pytest.mark.parametrize("kind", ["absence", "session_cancelled", "leave_decided"])
def test_other_kinds_are_not_told_to_them(telling: Cast, now: datetime, kind: str) -> None:
    contact(telling.student)
    text = "leave_approved" if kind == "leave_decided" else kind
    data = TEXTS[text].sample
    notify(
        kind=kind, text=text, user_ids=[telling.student.user_id or 0], data=data, now=now, key="k"
    )
    assert to_contacts() == []


@pytest.mark.usefixtures("sms")
def test_sms_is_for_those_without_an_address_and_not_at_night(telling: Cast, now: datetime) -> None:
    contact(telling.student, email="", phone="+4915112345678")
    contact(telling.student, phone="+4915112345679")
    night = now.replace(hour=21)  # 23:00 in Berlin
    warn(telling.student, night)
    assert sorted(to_contacts()) == [("email", "waiting"), ("sms", "waiting")]
    assert deliver(telling.campus, "sms", night) == 0
    assert Delivery.objects.get(channel="sms").next_try_at == night + timedelta(hours=8)
    assert deliver(telling.campus, "sms", night + timedelta(hours=8)) == 1


def test_who_is_a_contact_no_longer_is_not_written_to(telling: Cast, now: datetime) -> None:
    ended = contact(telling.student)
    warn(telling.student, now)
    Contact.objects.filter(pk=ended.pk).update(is_active=False)
    deliver(telling.campus, "email", now)
    assert to_contacts() == [("email", "dead")]
    warn(telling.student, now, key="w2")
    assert len(to_contacts()) == 1


def test_a_campus_that_changes_its_mind_stops_what_waits(telling: Cast, now: datetime) -> None:
    contact(telling.student)
    warn(telling.student, now)
    CampusMessages.objects.update(tells_contacts=False)
    assert deliver(telling.campus, "email", now) == 1
    assert to_contacts() == [("email", "dead")]


def test_the_inbox_stays_the_students_own(telling: Cast, now: datetime) -> None:
    contact(telling.student)
    warn(telling.student, now)
    inbox = Delivery.objects.filter(channel="inbox", user=telling.student.user)
    assert [row.message.key for row in inbox] == ["w"]
    assert {message.key: message.people for message in history()} == {"w": 1, "w:contacts": 0}


def test_the_database_wants_a_way_to_reach_them(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError, match="contact_reachable"), transaction.atomic():
        contact(in_campus.student, email="")


def test_contacts_of_another_campus_are_not_asked(
    telling: Cast, other_cast: Cast, now: datetime
) -> None:
    warn(telling.student, now)
    with campus_scope(other_cast.campus):
        contact(other_cast.student)
        warn(other_cast.student, now)
        assert not Message.objects.filter(key="w:contacts").exists()


class TestAdministration:
    @pytest.fixture
    def office(self, cast: Cast) -> Client:
        return client_of(cast, cast.operator)

    def test_the_office_notes_who_agreed(self, cast: Cast, office: Client) -> None:
        url = reverse("admin:accounts_contact_add")
        form = fields_of(office.get(url)) | {
            "student": cast.student.pk,
            "name": "Annabella",
            "relation": "adviser",
            "email": "annabella@home.example",
            "consented_on": "2026-09-01",
            "consent_note": "The student, on the form.",
        }
        late = office.post(url, {**form, "consented_on": "2999-01-01"})
        assert "consented_on" in late.context["adminform"].form.errors
        nowhere = office.post(url, {**form, "email": ""})
        assert b"Give an e-mail address or a telephone number." in nowhere.content
        assert office.post(url, form).status_code == 302
        with campus_scope(cast.campus):
            assert Contact.objects.get().relation == "adviser"
            entry = Entry.objects.get(action="admin.contact.added")
        assert "form" not in str(entry.data)  # sealed: it names people outside the campus
        assert open_data(entry)["consent_note"] == [None, "The student, on the form."]

    def test_contacts_stand_on_the_students_page(self, cast: Cast, office: Client) -> None:
        with campus_scope(cast.campus):
            contact(cast.student)
        page = office.get(reverse("admin:accounts_student_change", args=[cast.student.pk]))
        assert "annabella@home.example" in page.content.decode()

    def test_a_campus_has_one_row_of_settings(self, cast: Cast) -> None:
        office = client_of(cast, cast.admin)
        url = reverse("admin:notifications_campusmessages_add")
        form = {"tells_contacts": "on", "sms_per_day": "10", "kept_days": "30"}
        assert office.post(url, form).status_code == 302
        assert office.get(url).status_code == 403
        with campus_scope(cast.campus):
            assert CampusMessages.objects.get().tells_contacts
