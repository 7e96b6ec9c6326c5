"""What is told: each kind of event by what really happens, once, signed, of one campus alone."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook

from apps.attendance.models import Status
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.warnings import absences_notify
from apps.audit.services import SYSTEM
from apps.enrollments.services.terms import term_archive
from apps.sessions.models import ClassSession
from apps.sessions.services.plan import session_cancel, session_change
from apps.tenants.scope import campus_scope
from apps.webhooks.models import WebhookDelivery
from apps.webhooks.services import deliveries_purge, endpoint_test, events_collect, secret_replace
from tests.attendance.support import open_session
from tests.checkin.test_check_in_rules import checked_in
from tests.factories import Cast, make_session, make_term
from tests.imports.test_runs import upload, work
from tests.leave.support import ADA, asked, closed, decided, marked, opened
from tests.phone import signed_in
from tests.webhooks.support import ALL, Receiver, make_endpoint, secret_of, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with Receiver().running() as server:
        settings.OUTGOING_PRIVATE_ADDRESSES = [server.place]
        yield server


def data_of(receiver: Receiver, event: str) -> dict[str, Any]:
    found = [heard.json["data"] for heard in receiver.heard if heard.json["type"] == event]
    assert found, receiver.types
    return found[-1]


def test_every_kind_of_event_is_told_by_what_really_happens(cast: Cast, receiver: Receiver) -> None:
    """One that no act leads to, because an action was renamed, would be missing here."""
    now = timezone.now()
    with campus_scope(cast.campus):
        make_endpoint(receiver.url, now=now - timedelta(minutes=1))
        later = make_session(cast.course, starts_at=now + timedelta(days=3))
        session_change(
            session=later,
            starts_at=later.starts_at + timedelta(hours=3),
            ends_at=later.ends_at + timedelta(hours=3),
            classroom=None,
            now=now,
            actor=ADA,
        )
        session_cancel(session=later, reason="ill", now=now, actor=ADA)
        for days in (2, 1):
            closed(cast, now - timedelta(days=days))
        past = closed(cast, now - timedelta(minutes=90))  # the third in a row that nobody attended
        absences_notify(session=past, now=now)
        marked(past, cast.student, "late", now)
        mark = MarkInput(student_id=cast.classmate.pk, status=Status.PRESENT, was="absent")
        records_mark_bulk(
            session=past, marks=[mark], nonce="nonce-0001", now=now, actor=ADA, reason="seen"
        )
        decided(asked(cast.student, now + timedelta(days=1)), now)
        old = make_term(name="Old", starts_on=date(2025, 1, 1), ends_on=date(2025, 5, 31))
        term_archive(term=old, now=now, actor=ADA)
    assert checked_in(cast, open_session(cast)).json()["outcome"] == "accepted"
    operator = signed_in(cast, cast.operator)
    run = upload(operator).json()["id"]
    work(cast)
    operator.post(f"/api/v1/imports/{run}/commit", {"removed": 0})
    work(cast)

    told(cast.campus, timezone.now())
    assert set(receiver.types) == set(ALL)
    assert data_of(receiver, "check_in.accepted")["check_in"]["student"] == "STUD"
    assert data_of(receiver, "record.changed")["record"]["status"] == "late"
    many = data_of(receiver, "records.changed")
    assert [(row["student"], row["status"]) for row in many["records"]] == [("MATE", "present")]
    assert many["session"]["courses"] == ["CS201-A"]
    assert data_of(receiver, "leave.decided")["leave"]["status"] == "approved"
    assert data_of(receiver, "import.finished")["import"]["status"] == "saved"
    assert data_of(receiver, "student.warned")["session"]["id"] == past.pk
    assert data_of(receiver, "term.archived")["term"]["name"] == "Old"


def test_it_is_signed_as_standard_webhooks_says(in_campus: Cast, receiver: Receiver) -> None:
    now = timezone.now()
    endpoint = make_endpoint(receiver.url + "/in?key=1", now=now)
    opened(in_campus, now)
    assert told(in_campus.campus, now) == 1
    heard = receiver.heard[0]
    assert heard.path == "/in?key=1"
    content = Webhook(secret_of(endpoint, now)).verify(heard.body, dict(heard.headers.items()))
    assert content["type"] == "session.opened"
    assert content["data"]["campus"] == "north"
    assert content["data"]["session"]["status"] == "open"
    assert b"LECT" not in heard.body


def test_after_a_new_secret_both_are_good_for_a_day(in_campus: Cast, receiver: Receiver) -> None:
    now = timezone.now()
    endpoint = make_endpoint(receiver.url, now=now)
    before = secret_of(endpoint, now)
    secret_replace(endpoint=endpoint, now=now, actor=SYSTEM)
    endpoint.refresh_from_db()
    after = secret_of(endpoint, now)
    assert before != after
    for passed, good in ((timedelta(0), {before, after}), (timedelta(hours=25), {after})):
        endpoint_test(endpoint=endpoint, now=now + passed, actor=SYSTEM)
        told(in_campus.campus, now + passed)
        signatures = receiver.heard[-1].headers["webhook-signature"].split()
        assert len(signatures) == len(good)
    heard = receiver.heard[0]
    for secret in (before, after):
        Webhook(secret).verify(heard.body, dict(heard.headers.items()))


def test_what_is_undone_is_not_told_and_what_was_told_is_not_told_again(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    make_endpoint(receiver.url, now=now)
    with transaction.atomic():
        opened(in_campus, now)
        transaction.set_rollback(True)
    assert told(in_campus.campus, now) == 0
    opened(in_campus, now)
    assert told(in_campus.campus, now) == 1
    assert told(in_campus.campus, now + timedelta(seconds=5)) == 0
    assert receiver.types == ["session.opened"]


def test_a_transaction_that_ends_late_is_told_all_the_same(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    """Its entry bears the time of its beginning, when later ones have been told already."""
    make_endpoint(receiver.url, now=now)
    opened(in_campus, now + timedelta(minutes=10))
    told(in_campus.campus, now + timedelta(minutes=10))
    opened(in_campus, now + timedelta(minutes=1), course=in_campus.other_course)
    assert told(in_campus.campus, now + timedelta(minutes=11)) == 1
    assert len(receiver.heard) == 2


def test_only_what_was_chosen_and_since_it_listens(
    in_campus: Cast, receiver: Receiver, now: datetime
) -> None:
    opened(in_campus, now - timedelta(minutes=5))
    make_endpoint(receiver.url, now=now, events=["session.opened"])
    closed(in_campus, now + timedelta(minutes=1), course=in_campus.other_course)
    assert told(in_campus.campus, now + timedelta(minutes=100)) == 0  # longer ago than looked at
    told(in_campus.campus, now + timedelta(minutes=2))
    assert receiver.types == ["session.opened"]


def test_one_campus_hears_nothing_of_another(
    cast: Cast, other_cast: Cast, receiver: Receiver
) -> None:
    now = timezone.now()
    with campus_scope(other_cast.campus):
        make_endpoint(receiver.url, now=now)
    with campus_scope(cast.campus):
        opened(cast, now)
    assert told(other_cast.campus, now) == 0
    assert told(cast.campus, now) == 0
    assert receiver.heard == []


def test_what_is_gone_is_not_told(in_campus: Cast, receiver: Receiver, now: datetime) -> None:
    make_endpoint(receiver.url, now=now)
    WebhookDelivery.objects.create(
        endpoint=make_endpoint(receiver.url, now=now, name="Other"),
        event_key="01890000-0000-7000-8000-000000000000",
        event="session.opened",
        at=now,
        target_type=ClassSession._meta.label_lower,
        target_id="987654321",
        next_try_at=now,
    )
    assert told(in_campus.campus, now) == 0
    assert WebhookDelivery.objects.get().status == "dead"


def test_old_deliveries_are_forgotten(in_campus: Cast, receiver: Receiver, now: datetime) -> None:
    make_endpoint(receiver.url, now=now)
    opened(in_campus, now)
    told(in_campus.campus, now)
    assert deliveries_purge(now=now + timedelta(days=29)) == 0
    assert deliveries_purge(now=now + timedelta(days=31)) == 1


def test_collecting_is_one_statement(
    in_campus: Cast, receiver: Receiver, now: datetime, django_assert_num_queries: Any
) -> None:
    make_endpoint(receiver.url, now=now)
    make_endpoint(receiver.url, now=now, name="Second")
    opened(in_campus, now)
    with django_assert_num_queries(1):
        assert events_collect(now=now) == 2
