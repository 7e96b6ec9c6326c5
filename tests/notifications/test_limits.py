"""How much a campus sends a day, and how long it remembers."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.announcements.models import Announcement
from apps.announcements.services import announcements_purge
from apps.audit.models import Entry
from apps.enrollments.models import Section
from apps.notifications.models import CampusMessages, Delivery, Message, Preference
from apps.notifications.selectors import due_channels, sms_left
from apps.notifications.services import messages_purge
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.notifications.support import deliver, states, tell


@pytest.fixture
def two_a_day(in_campus: Cast, settings: Any) -> Cast:
    """Three people with telephones, on a campus that sends two SMS a day."""
    settings.SMS_BACKEND = "apps.notifications.channels.sms.ConsoleBackend"
    CampusMessages.objects.create(sms_per_day=2)
    for number, person in enumerate(
        (in_campus.student, in_campus.classmate, in_campus.representative)
    ):
        person.phone = f"+491511234567{number}"
        person.save()
        Preference.objects.create(user=person.user, kind="test", channel="sms", is_wanted=True)
    return in_campus


def everybody(cast: Cast) -> list[Any]:
    return [cast.student.user, cast.classmate.user, cast.representative.user]


def test_what_goes_beyond_the_day_waits_for_the_next(two_a_day: Cast, now: datetime) -> None:
    tell(*everybody(two_a_day), now=now, kind="test")
    assert deliver(two_a_day.campus, "sms", now) == 2
    assert sorted(status for _user, status in states("sms")) == ["sent", "sent", "waiting"]
    assert "sms" not in due_channels(now=now)
    evening = now.replace(hour=21, minute=59)  # 23:59 in Berlin
    assert deliver(two_a_day.campus, "sms", evening) == 0
    midnight = now.replace(hour=22)
    assert "sms" in due_channels(now=midnight)
    assert deliver(two_a_day.campus, "sms", midnight) == 1


def test_a_raised_limit_counts_at_once(two_a_day: Cast, now: datetime) -> None:
    tell(*everybody(two_a_day), now=now, kind="test")
    deliver(two_a_day.campus, "sms", now)
    CampusMessages.objects.update(sms_per_day=3)
    assert deliver(two_a_day.campus, "sms", now) == 1


def test_what_another_worker_is_sending_counts(two_a_day: Cast, now: datetime) -> None:
    tell(*everybody(two_a_day), now=now, kind="test")
    first = Delivery.objects.filter(channel="sms").order_by("id").first()
    assert first is not None
    Delivery.objects.filter(pk=first.pk).update(
        status="sending", next_try_at=now + timedelta(minutes=2)
    )
    assert sms_left(zone=two_a_day.campus.zone, now=now) == 1


def test_every_campus_counts_for_itself(two_a_day: Cast, other_cast: Cast, now: datetime) -> None:
    tell(*everybody(two_a_day), now=now, kind="test")
    deliver(two_a_day.campus, "sms", now)
    with campus_scope(other_cast.campus):
        assert sms_left(zone=other_cast.campus.zone, now=now) == 500


def test_old_messages_are_forgotten(in_campus: Cast, now: datetime) -> None:
    user = in_campus.student.user
    tell(user, now=now - timedelta(days=181), key="old")
    tell(user, now=now - timedelta(days=181), key="unsent")
    tell(user, now=now - timedelta(days=179), key="young")
    Delivery.objects.filter(message__key="old").update(status="sent", sent_at=now)
    assert messages_purge(now=now) == 1
    assert set(Message.objects.values_list("key", flat=True)) == {"unsent", "young"}
    assert Entry.objects.get(action="notification.purged").data["messages"] == 1
    assert messages_purge(now=now) == 0


def test_the_campus_decides_how_long_messages_are_kept(in_campus: Cast, now: datetime) -> None:
    CampusMessages.objects.create(kept_days=30)
    tell(in_campus.student.user, now=now - timedelta(days=31), key="old")
    Delivery.objects.update(status="sent", sent_at=now)
    assert messages_purge(now=now) == 1


def test_messages_of_other_apps_go_after_what_holds_them(in_campus: Cast, now: datetime) -> None:
    then = now - timedelta(days=181)
    tell(in_campus.student.user, now=then, kind="announcement", key="a")
    Delivery.objects.update(status="sent", sent_at=then)
    Announcement.objects.create(
        sender=in_campus.representative,
        section=Section.objects.get(),
        outbox=Message.objects.get(),
        title="T",
        message="M",
        recipient_count=1,
        nonce="n",
        sent_at=then,
    )
    assert messages_purge(now=now) == 0
    assert announcements_purge(now=now) == 1
    assert messages_purge(now=now) == 1
    assert not Delivery.objects.exists()


def test_another_campus_keeps_its_own(in_campus: Cast, other_cast: Cast, now: datetime) -> None:
    with campus_scope(other_cast.campus):
        tell(other_cast.student.user, now=now - timedelta(days=400))
        Delivery.objects.update(status="sent", sent_at=now)
    assert messages_purge(now=now) == 0
    with campus_scope(other_cast.campus):
        assert Message.objects.count() == 1
