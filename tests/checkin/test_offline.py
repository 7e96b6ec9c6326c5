"""POST /api/v1/check-in/offline: scanned without network, sent later."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, Policy, RecordSource, Status
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.services.settle import settle_without_face
from apps.qr_otp.selectors import shown_code
from apps.qr_otp.tokens import QR_PERIOD, window_at
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db


def opened_earlier(session: ClassSession, by: timedelta) -> ClassSession:
    """As if everything about this session had happened so much earlier."""
    with campus_scope(session.campus_id):
        ClassSession.objects.filter(pk=session.pk).update(
            starts_at=session.starts_at - by,
            ends_at=session.ends_at - by,
            opened_at=session.opened_at - by,
        )
        session.refresh_from_db()
    return session


def closed_at(session: ClassSession, at: datetime) -> None:
    with campus_scope(session.campus_id):
        register_close(session=session, now=at, actor=SYSTEM)


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    """Opened an hour ago."""
    return opened_earlier(open_session(cast), timedelta(hours=1))


@pytest.fixture
def scanned_at(session: ClassSession) -> datetime:
    assert session.opened_at is not None
    return session.opened_at + timedelta(minutes=2)


def item(
    phone: Phone, session: ClassSession, scanned: datetime, *, counter: int = 1, **evidence: Any
) -> dict[str, str]:
    """One offline check-in with the code that the projector showed then."""
    token = evidence.pop("token", None) or code_of(phone.cast, session.pk, scanned).token
    evidence = {"at": scanned, "location": HERE, "beacons": HEARD, **evidence}
    return phone.offline_item(session.pk, token, counter=counter, **evidence)


def sent(phone: Phone, *items: Any) -> list[dict[str, Any]]:
    answer = phone.send_offline(*items)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def reason_of(phone: Phone, one: dict[str, str]) -> str:
    (result,) = sent(phone, one)
    assert result["error"] is None, result
    return result["attempt"]["reason"]


def record_of(cast: Cast) -> AttendanceRecord | None:
    with campus_scope(cast.campus):
        return AttendanceRecord.objects.filter(student=cast.student).first()


def test_what_was_scanned_offline_counts_later_at_a_lower_score(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    (result,) = sent(phone, item(phone, session, scanned_at))
    attempt = result["attempt"]
    assert (result["made"], attempt["outcome"], attempt["offline"]) == (True, "accepted", True)
    assert attempt["score"] == 0.8
    assert "offline" in attempt["explanation"]
    record = record_of(cast)
    assert record is not None
    assert (record.status, record.source) == (Status.PRESENT, RecordSource.CHECK_IN)
    assert record.recorded_at == datetime.fromtimestamp(
        window_at(scanned_at) * QR_PERIOD, tz=scanned_at.tzinfo
    )


def test_the_policy_says_how_much_an_offline_check_in_is_worth(
    cast: Cast, phone: Phone, scanned_at: datetime
) -> None:
    with campus_scope(cast.campus):
        ClassSession.objects.update(status="completed")
        Policy.objects.create(version=1, offline_factor="0.50", created_at=timezone.now())
    strict = opened_earlier(open_session(cast), timedelta(minutes=30))
    at = strict.opened_at + timedelta(minutes=1)
    (result,) = sent(phone, item(phone, strict, at, location=HERE, beacons=HEARD))
    assert (result["attempt"]["score"], result["attempt"]["reason"]) == (0.5, "score_too_low")


def test_lateness_counts_from_the_scan_and_not_from_the_sending(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    late = session.opened_at + timedelta(minutes=25)
    sent(phone, item(phone, session, late))
    record = record_of(cast)
    assert record is not None
    assert record.status == Status.LATE
    assert 23 <= record.minutes_late <= 25


def test_after_the_closing_it_mends_the_absence_that_the_closing_wrote(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    kept = item(phone, session, scanned_at)
    closed_at(session, timezone.now())
    before = record_of(cast)
    assert before is not None
    assert before.status == Status.ABSENT
    (result,) = sent(phone, kept)
    after = record_of(cast)
    assert after is not None
    assert (result["attempt"]["outcome"], after.status) == ("accepted", Status.PRESENT)
    with campus_scope(cast.campus):
        session.refresh_from_db()
    assert session.total_attended == 1


@pytest.mark.parametrize("source", [RecordSource.MANUAL, RecordSource.CORRECTED])
@pytest.mark.parametrize("status", [Status.ABSENT, Status.EXCUSED, Status.INVALID])
def test_a_persons_mark_is_never_overwritten(
    cast: Cast,
    session: ClassSession,
    phone: Phone,
    scanned_at: datetime,
    source: RecordSource,
    status: Status,
) -> None:
    with campus_scope(cast.campus):
        AttendanceRecord.objects.create(
            session=session,
            student=cast.student,
            status=status,
            source=source,
            recorded_at=timezone.now(),
        )
    (result,) = sent(phone, item(phone, session, scanned_at))
    assert result["attempt"]["outcome"] == "accepted"
    record = record_of(cast)
    assert record is not None
    assert (record.status, record.source) == (status, source)


def test_the_same_nonce_gets_the_first_answer(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    kept = item(phone, session, scanned_at)
    (first,), (again,) = sent(phone, kept), sent(phone, kept)
    assert (first["made"], again["made"]) == (True, False)
    assert first["attempt"] == again["attempt"]
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 1


def test_each_of_many_is_answered_in_the_order_sent_and_judged_by_counter(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    later = scanned_at + timedelta(seconds=30)
    results = sent(
        phone,
        item(phone, session, later, counter=8),
        "no check-in at all",
        item(phone, session, scanned_at, counter=7),
        phone.offline_item(2**31 - 1, "C.1.2.3.4", counter=9, at=later),
        {**item(phone, session, later, counter=10), "signature": "not base64!"},
    )
    assert [r["attempt"] and r["attempt"]["outcome"] for r in results] == [
        "accepted",
        None,
        "accepted",
        None,
        None,
    ]
    assert [r["error"] and r["error"]["code"] for r in results] == [
        None,
        "invalid",
        None,
        "session_not_found",
        "malformed_signature",
    ]


def test_the_time_of_the_phone_is_kept_and_refuses_nothing(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    wrong = scanned_at + timedelta(hours=3)
    assert reason_of(phone, item(phone, session, scanned_at, at=wrong)) == ""
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get().claimed_at == wrong


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"check_ins": []},
        {"check_ins": "x"},
        {"check_ins": [{}] * 51},
        {"check_ins": {"a": 1}},
    ],
)
def test_malformed_bodies_are_400(phone: Phone, body: dict[str, Any]) -> None:
    assert phone.client.post("/api/v1/check-in/offline", body, format="json").status_code == 400


@pytest.mark.parametrize(
    "broken",
    [
        {"counter": -1},
        {"counter": 2**63},
        {"session": 0},
        {"at": "yesterday"},
        {"nonce": "short"},
        {"token": "x" * 501},
        {"location": {**HERE, "accuracy_m": 0}},
    ],
)
def test_impossible_evidence_is_an_error_of_its_own_item(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime, broken: dict[str, Any]
) -> None:
    evidence = {
        "session": session.pk,
        "token": "C.1.2.3.4",
        "counter": 1,
        "at": scanned_at.isoformat(),
        "nonce": "nonce-broken",
        **broken,
    }
    text = json.dumps(evidence)
    (result,) = sent(phone, {"evidence": text, "signature": phone.sign(text.encode())})
    assert (result["attempt"], result["error"]["code"]) == (None, "invalid")
    assert next(iter(broken)) in result["error"]["detail"]


def test_a_body_beyond_twelve_megabytes_is_refused_unread(phone: Phone) -> None:
    answer = phone.client.post(
        "/api/v1/check-in/offline", {"check_ins": ["x" * 13_000_000]}, format="json"
    )
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["code"] == "too_large"


def test_a_frozen_register_takes_no_more(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    kept = item(phone, session, scanned_at)
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        Policy.objects.create(
            version=1,
            locked_before=date.fromordinal(timezone.localdate().toordinal() + 2),
            created_at=timezone.now(),
        )
    assert reason_of(phone, kept) == "register_frozen"
    record = record_of(cast)
    assert record is not None
    assert record.status == Status.ABSENT


def test_the_span_of_the_policy_holds_for_the_scan(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    with campus_scope(cast.campus):
        session.policy = {**session.policy, "check_in_until_minutes": 20}
        session.save()
    scanned = session.opened_at + timedelta(minutes=30)
    assert reason_of(phone, item(phone, session, scanned)) == "check_in_too_late"


def test_a_face_that_is_settled_later_keeps_the_score_an_offline_one(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    sent(phone, item(phone, session, scanned_at, location=HERE, beacons=HEARD))
    with campus_scope(cast.campus):
        CheckInAttempt.objects.update(outcome=Outcome.PENDING, score=0)
        attempt = CheckInAttempt.objects.get()
        settled = settle_without_face(attempt_id=attempt.pk, now=timezone.now())
    assert settled is not None
    # The face could not tell: half of its 0.2 is missing, and then the offline factor of 0.8.
    assert settled.score == Decimal("0.72")


def test_counter_and_window_are_unique_in_the_database(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    sent(phone, item(phone, session, scanned_at))
    with campus_scope(cast.campus):
        first = CheckInAttempt.objects.get()
        copy = {
            "session": session,
            "student": cast.student,
            "device_id": first.device_id,
            "method": "qr",
            "outcome": "refused",
            "received_at": timezone.now(),
        }
        for n, same in enumerate(
            ({"device_counter": first.device_counter}, {"offline_window": first.offline_window})
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                CheckInAttempt.objects.create(nonce=f"copy-{n}", **copy, **same)


def test_the_closing_ends_the_code_for_everybody_who_is_online(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    """The secret is kept for what was scanned before; it issues and redeems nothing any more."""
    shown = code_of(cast, session.pk, timezone.now()).token
    closed_at(session, timezone.now())
    assert phone.redeem(token=shown).status_code == 410
    with campus_scope(cast.campus):
        assert shown_code(purpose="check_in", subject=str(session.pk), now=scanned_at) is None


@pytest.mark.parametrize("broken", [None, 1, [], {}, {"evidence": "null", "signature": "eA=="}])
def test_a_broken_one_does_not_keep_the_others_from_being_counted(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime, broken: Any
) -> None:
    first, second = sent(phone, broken, item(phone, session, scanned_at))
    assert first["error"]["code"] == "invalid"
    assert second["attempt"]["outcome"] == "accepted"
