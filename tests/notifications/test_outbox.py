from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.audit.services import Actor
from apps.notifications import addresses
from apps.notifications.addresses import register_phone_book
from apps.notifications.models import Delivery, Message, Preference, QuietHours, Status
from apps.notifications.quiet_hours import quiet_until
from apps.notifications.rendering import filled, in_language
from apps.notifications.selectors import due_channels, queue_states
from apps.notifications.services import retry_dead
from apps.notifications.services.delivery import backoff
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.factories import Cast
from tests.notifications.support import deliver, phone, states, tell

ACTOR = Actor(label="test")


def accounts(cast: Cast) -> tuple[Any, Any]:
    """Of the student and of the classmate."""
    return cast.student.user, cast.classmate.user


@pytest.fixture
def fcm_on(settings: Any, tmp_path: Path) -> None:
    """Push counts as configured; nothing is sent in these tests."""
    settings.FCM_CREDENTIALS_FILE = str(tmp_path / "absent.json")


def test_a_message_reaches_inbox_and_the_usual_channels(in_campus: Cast, now: datetime) -> None:
    student, mate = accounts(in_campus)
    assert tell(student, mate, now=now) == 2
    assert states("inbox") == [(student.pk, "sent"), (mate.pk, "sent")]
    assert states("email") == [(student.pk, "waiting"), (mate.pk, "waiting")]
    assert Delivery.objects.exclude(channel__in=["inbox", "email"]).count() == 0


def test_the_same_key_says_it_once(in_campus: Cast, now: datetime) -> None:
    tell(in_campus.student.user, now=now)
    assert tell(in_campus.student.user, in_campus.classmate.user, now=now) == 0
    assert Message.objects.count() == 1
    assert Delivery.objects.filter(channel="inbox").count() == 1


def test_the_same_key_on_another_campus_is_another_occasion(
    cast: Cast, other_cast: Cast, now: datetime
) -> None:
    for each in (cast, other_cast):
        with campus_scope(each.campus):
            assert tell(each.student.user, now=now) == 1


def test_inactive_and_unknown_accounts_get_nothing(in_campus: Cast, now: datetime) -> None:
    user, _mate = accounts(in_campus)
    user.is_active = False
    with signed_act("accounts_user"):
        user.save()
    unknown = type(user)(pk=2**40)
    assert tell(user, unknown, in_campus.classmate.user, now=now) == 1


@pytest.mark.usefixtures("fcm_on")
def test_each_kind_of_device_is_a_delivery_of_its_own(in_campus: Cast, now: datetime) -> None:
    user, _mate = accounts(in_campus)
    phone(user)
    phone(user, "ios", "other-token")
    tell(user, in_campus.classmate.user, now=now)
    assert states("push") == [(user.pk, "waiting"), (user.pk, "waiting")]


def test_channels_that_are_not_configured_are_left_out(in_campus: Cast, now: datetime) -> None:
    phone(in_campus.student.user)
    tell(in_campus.student.user, now=now)
    assert states("push") == []


def test_people_choose_their_channels(in_campus: Cast, now: datetime) -> None:
    student, mate = accounts(in_campus)
    common = {"kind": "attendance_warning", "channel": "email"}
    Preference.objects.create(user=student, is_wanted=False, **common)
    Preference.objects.create(user=mate, is_wanted=True, kind="absence", channel="email")
    tell(student, mate, now=now)
    assert states("email") == [(mate.pk, "waiting")]
    tell(student, mate, now=now, kind="absence", key="absence:1")
    assert Delivery.objects.filter(channel="email", message__kind="absence").count() == 1


def test_short_messages_go_to_those_with_a_number(
    in_campus: Cast, now: datetime, settings: Any
) -> None:
    settings.SMS_BACKEND = "apps.notifications.channels.sms.ConsoleBackend"
    student, mate = accounts(in_campus)
    in_campus.student.phone = "+4915112345678"
    in_campus.student.save()
    tell(student, mate, now=now, kind="test")
    assert states("sms") == [(student.pk, "waiting")]
    assert deliver(in_campus.campus, "sms", now) == 1


def test_many_recipients_cost_as_many_statements_as_one(in_campus: Cast, now: datetime) -> None:
    everybody = list(User.objects.filter(memberships__role="student"))

    def statements(key: str, *people: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert tell(*people, now=now, key=key) == len(people)
        return len(captured)

    assert len(everybody) > 3
    assert statements("few", everybody[0]) == statements("many", *everybody) == 2


def test_mail_is_sent_in_two_shapes_and_the_readers_language(
    in_campus: Cast, now: datetime
) -> None:
    user, _mate = accounts(in_campus)
    tell(user, now=now, body="%(course)s: %(percent)s %% & <less>", data={"course": "CS201"})
    assert deliver(in_campus.campus, "email", now) == 1
    sent: Any = mail.outbox[0]
    assert len(mail.outbox) == 1
    assert sent.to == [in_campus.student.email]
    assert sent.subject == "Your attendance is low"
    assert "CS201: %(percent)s" in sent.body
    assert "& <less>" in sent.body
    ((html, mime),) = sent.alternatives
    assert mime == "text/html"
    assert "&amp; &lt;less&gt;" in html
    assert "North Campus" in html
    assert states("email") == [(user.pk, "sent")]


def test_what_people_wrote_is_neither_translated_nor_filled_in() -> None:
    shown = in_language(
        kind="announcement",
        title="Save",
        body="100 %(percent)s",
        data={"percent": "1"},
        language="de",
    )
    assert shown == ("Save", "100 %(percent)s")


def test_filling_in_survives_any_percent_sign() -> None:
    assert filled("50 % of %(a)s, %s %(b)s %", {"a": 1}) == "50 % of 1, %s %(b)s %"


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("clock", "end"),
    [
        ("2026-09-14T19:59:59", None),  # 21:59:59 in Berlin
        ("2026-09-14T20:00:00", "2026-09-15T05:00:00"),
        ("2026-09-15T04:59:00", "2026-09-15T05:00:00"),
        ("2026-09-15T05:00:00", None),
        ("2026-10-24T21:00:00", "2026-10-25T06:00:00"),  # clocks go back that night
    ],
)
def test_quiet_hours_over_midnight_on_the_campus_clock(clock: str, end: str | None) -> None:
    found = quiet_until(
        hours=(time(22), time(7)),
        zone=BERLIN,
        now=datetime.fromisoformat(clock).replace(tzinfo=UTC),
    )
    assert found == (datetime.fromisoformat(end).replace(tzinfo=UTC) if end else None)


def test_quiet_hours_within_a_day() -> None:
    noon = datetime(2026, 9, 14, 10, 30, tzinfo=UTC)
    found = quiet_until(hours=(time(12), time(13)), zone=BERLIN, now=noon)
    assert found == datetime(2026, 9, 14, 11, tzinfo=UTC)


def sms_to_a_sleeper(cast: Cast, settings: Any, now: datetime, kind: str) -> Delivery:
    settings.SMS_BACKEND = "apps.notifications.channels.sms.ConsoleBackend"
    cast.student.phone = "+4915112345678"
    cast.student.save()
    user, _mate = accounts(cast)
    QuietHours.objects.create(user=user, starts_at=time(9), ends_at=time(11))  # 10:00 in Berlin
    Preference.objects.create(user=user, kind=kind, channel="sms", is_wanted=True)
    tell(user, now=now, kind=kind)
    deliver(cast.campus, "sms", now)
    return Delivery.objects.get(channel="sms")


def test_devices_stay_silent_in_quiet_hours(in_campus: Cast, settings: Any, now: datetime) -> None:
    delivery = sms_to_a_sleeper(in_campus, settings, now, "absence")
    assert (delivery.status, delivery.attempts) == ("waiting", 0)
    assert delivery.next_try_at == now + timedelta(hours=1)
    assert deliver(in_campus.campus, "sms", now + timedelta(hours=1)) == 1


def test_urgent_messages_ignore_quiet_hours(in_campus: Cast, settings: Any, now: datetime) -> None:
    assert sms_to_a_sleeper(in_campus, settings, now, "session_cancelled").status == "sent"


def test_the_wait_doubles_up_to_an_hour() -> None:
    for attempts, middle in ((1, 15), (2, 30), (5, 240), (9, 3600), (60, 3600)):
        waits = [backoff(attempts) for _ in range(200)]
        assert min(waits) >= middle * 0.5
        assert max(waits) <= middle * 1.5
        assert max(waits) > min(waits)


def test_the_dead_are_tried_again_on_request(in_campus: Cast, now: datetime) -> None:
    tell(in_campus.student.user, in_campus.classmate.user, now=now)
    Delivery.objects.filter(channel="email").update(status=Status.DEAD, attempts=12, error="x")
    chosen = Delivery.objects.filter(user=in_campus.student.user)
    assert retry_dead(deliveries=chosen, now=now, actor=ACTOR) == 1
    assert deliver(in_campus.campus, "email", now) == 1
    assert Delivery.objects.get(channel="email", status="dead").user == in_campus.classmate.user


def test_the_state_of_the_queue(in_campus: Cast, now: datetime) -> None:
    tell(in_campus.student.user, in_campus.classmate.user, now=now)
    Delivery.objects.filter(channel="email", user=in_campus.student.user).update(status="dead")
    state = next(row for row in queue_states() if row.channel == "email")
    assert (state.waiting, state.dead, state.oldest_at) == (1, 1, now)
    assert due_channels(now=now) == ["email"]
    assert due_channels(now=now - timedelta(seconds=1)) == []


def test_the_database_refuses_a_second_delivery_to_the_same_place(
    in_campus: Cast, now: datetime
) -> None:
    tell(in_campus.student.user, now=now)
    delivery = Delivery.objects.get(channel="email")
    delivery.pk = None
    delivery._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        delivery.save()


def test_a_phone_book_is_asked_once_however_often_it_registers(in_campus: Cast) -> None:
    asked: list[int] = []

    def book(user_ids: Any) -> dict[int, str]:
        asked.append(1)
        return {}

    for _ in range(2):
        register_phone_book(book)
    try:
        addresses.phone_numbers([1])
    finally:
        addresses._books.remove(book)
    assert asked == [1]
