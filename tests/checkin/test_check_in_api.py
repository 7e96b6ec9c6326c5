"""POST /api/v1/check-in: evidence in, a judged attempt and a record out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Device
from apps.attendance.models import AttendanceRecord, AttendanceSummary, RecordSource, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.tasks import purge_location_data
from apps.qr_otp.models import Scan
from apps.qr_otp.tasks import purge_codes
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, enroll, make_cast, make_session
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db


def ticket_for(phone: Phone, session: ClassSession) -> str:
    return phone.ticket(code_of(phone.cast, session.pk, timezone.now()).token)


def record_of(cast: Cast, student: object) -> AttendanceRecord | None:
    with campus_scope(cast.campus):
        return AttendanceRecord.objects.filter(student=student).first()


def test_full_evidence_makes_the_student_present(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    answer = phone.check_in(ticket_for(phone, session), location=HERE, beacons=HEARD)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["outcome"], body["reason"], body["score"]) == ("accepted", "", 1.0)
    assert {name: f["passed"] for name, f in body["factors"].items()} == {
        "qr": True,
        "device": True,
        "location": True,
        "bluetooth": True,
    }
    record = record_of(cast, cast.student)
    assert record is not None
    assert (record.status, record.source) == (Status.PRESENT, RecordSource.CHECK_IN)
    assert record.location_verified
    assert record.bluetooth_verified
    assert not record.biometric_verified
    assert record.verification_score == Decimal("1.00")
    with campus_scope(cast.campus):
        summary = AttendanceSummary.objects.get()
        assert (summary.attended_sessions, summary.total_sessions) == (1, 1)
        assert Entry.objects.filter(action="checkin.attempt.accepted").count() == 1


def test_after_the_late_minutes_the_student_is_late(cast: Cast) -> None:
    with campus_scope(cast.campus):
        session = make_session(cast.course, starts_at=timezone.now() - timedelta(minutes=20))
        ClassSession.objects.filter(pk=session.pk).update(
            starts_at=timezone.now() - timedelta(minutes=14)
        )
        session.refresh_from_db()
        register_open(session=session, topic="Heaps", now=timezone.now(), actor=SYSTEM)
        ClassSession.objects.filter(pk=session.pk).update(
            opened_at=timezone.now() - timedelta(minutes=12)
        )
    phone = Phone(cast, cast.student)
    assert phone.check_in(ticket_for(phone, session)).json()["outcome"] == "accepted"
    record = record_of(cast, cast.student)
    assert record is not None
    assert (record.status, record.minutes_late) == (Status.LATE, 12)


def test_outside_the_fence_costs_points_but_is_not_decisive(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    far = {**HERE, "latitude": "52.53"}
    body = phone.check_in(ticket_for(phone, session), location=far, beacons=HEARD).json()
    assert body["outcome"] == "accepted"
    assert body["factors"]["location"]["reason"] == "outside"
    assert body["score"] == pytest.approx(1 - 0.15 / 0.8, abs=0.01)


def test_a_vague_fix_cannot_tell_and_says_so(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    vague = {**HERE, "accuracy_m": 140}
    body = phone.check_in(ticket_for(phone, session), location=vague).json()
    location = body["factors"]["location"]
    assert (location["passed"], location["reason"]) == (None, "too_vague")
    assert location["detail"] == {"accuracy_m": 140}


def test_another_phones_signature_is_refused_and_kept(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    other = Phone(cast, cast.classmate)
    answer = phone.check_in(ticket_for(phone, session), signature=other.sign(b"anything"))
    assert answer.json()["reason"] == "bad_signature"
    assert record_of(cast, cast.student) is None
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get().outcome == Outcome.REFUSED


def test_without_a_bound_device_the_student_is_told_what_to_do(
    cast: Cast, session: ClassSession
) -> None:
    phone = Phone(cast, cast.student, bind=False)
    body = phone.check_in(ticket_for(phone, session)).json()
    assert (body["outcome"], body["reason"]) == ("refused", "no_device")
    assert "Bind" in body["message"]


def test_a_device_bound_after_the_scan_is_another_device(cast: Cast, session: ClassSession) -> None:
    phone = Phone(cast, cast.student, bind=False)
    ticket = ticket_for(phone, session)
    phone.bind()
    assert phone.check_in(ticket).json()["reason"] == "other_device"


def test_a_ticket_is_good_for_its_student_only(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    thief = Phone(cast, cast.classmate)
    assert thief.check_in(ticket_for(phone, session)).json()["reason"] == "bad_ticket"
    assert record_of(cast, cast.classmate) is None


def test_a_ticket_that_this_campus_did_not_sign_is_a_400(
    cast: Cast, other_cast: Cast, session: ClassSession, phone: Phone
) -> None:
    foreign = Phone(other_cast, other_cast.student)
    elsewhere = open_session(other_cast)
    for ticket in ("x", "a:b:c", ticket_for(foreign, elsewhere)):
        answer = phone.check_in(ticket)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "bad_ticket"


def test_a_ticket_lives_ninety_seconds(
    cast: Cast, session: ClassSession, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = ticket_for(phone, session)
    monkeypatch.setattr("apps.checkin.tickets.LIFETIME", timedelta(seconds=-1))
    assert phone.check_in(ticket).json()["reason"] == "ticket_expired"


def test_a_session_completed_meanwhile_refuses(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = ticket_for(phone, session)
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    assert phone.check_in(ticket).json()["reason"] == "session_not_open"
    record = record_of(cast, cast.student)
    assert record is not None
    assert record.status == Status.ABSENT


def test_a_student_who_dropped_meanwhile_is_refused(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = ticket_for(phone, session)
    with campus_scope(cast.campus):
        cast.student.enrollments.update(status="dropped")
    assert phone.check_in(ticket).json()["reason"] == "not_enrolled"


def test_a_retried_nonce_gets_the_first_answer(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = ticket_for(phone, session)
    first = phone.check_in(ticket, nonce="nonce-retry-1", location=HERE)
    again = phone.check_in(ticket, nonce="nonce-retry-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 1


def test_the_first_accepted_check_in_stands(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = ticket_for(phone, session)
    phone.check_in(ticket, location=HERE, beacons=HEARD)
    phone.check_in(ticket)
    record = record_of(cast, cast.student)
    assert record is not None
    assert record.verification_score == Decimal("1.00")


def test_a_lecturers_mark_is_never_overwritten(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    with campus_scope(cast.campus):
        record_mark(
            session=session,
            student_id=cast.student.pk,
            status=Status.EXCUSED,
            reason="",
            now=timezone.now(),
            actor=SYSTEM,
        )
    phone.check_in(ticket_for(phone, session), location=HERE)
    record = record_of(cast, cast.student)
    assert record is not None
    assert (record.status, record.source) == (Status.EXCUSED, RecordSource.MANUAL)


@pytest.mark.parametrize(
    "evidence",
    [
        {"location": {**HERE, "latitude": "91"}},
        {"location": {**HERE, "longitude": "-180.5"}},
        {"location": {**HERE, "latitude": "NaN"}},
        {"location": {**HERE, "accuracy_m": -1}},
        {"location": {**HERE, "accuracy_m": 0}},
        {"location": {**HERE, "age_s": -1}},
        {"location": {}},
        {"location": "here"},
        {"beacons": [{"identifier": "x", "rssi": 20}]},
        {"beacons": [{"identifier": "x", "rssi": -50}] * 51},
        {"beacons": "loud"},
        {"nonce": "short"},
        {"nonce": "with spaces in it"},
        {"selfie_sha256": "xyz"},
        {"device_info": {"k": "v" * 101}},
    ],
)
def test_impossible_evidence_is_a_400_and_saves_nothing(
    cast: Cast, session: ClassSession, phone: Phone, evidence: dict
) -> None:
    assert phone.check_in(ticket_for(phone, session), **evidence).status_code == 400
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"evidence": "no json", "signature": "AAAA"},
        {"evidence": "[]", "signature": "AAAA"},
        {"evidence": "null", "signature": "AAAA"},
        {"evidence": "{}" * 20_000, "signature": "AAAA"},
        {"evidence": "{}", "signature": "not base64!"},
    ],
)
def test_malformed_bodies_are_400(phone: Phone, body: dict) -> None:
    assert phone.client.post("/api/v1/check-in", body, format="json").status_code == 400


@pytest.mark.parametrize("photo", [b"", b"no photo", b"\xff\xd8\xff\xe0 cut", b"GIF89a"])
def test_a_selfie_that_is_no_photo_is_a_400(
    cast: Cast, session: ClassSession, phone: Phone, photo: bytes
) -> None:
    answer = phone.check_in(ticket_for(phone, session), selfie=photo)
    assert answer.status_code == 400


def test_a_photo_that_the_device_did_not_sign_is_refused(
    cast: Cast, session: ClassSession, phone: Phone, jpeg: bytes
) -> None:
    answer = phone.check_in(ticket_for(phone, session), selfie=jpeg, selfie_sha256="0" * 64)
    assert answer.json()["errors"][0]["code"] == "selfie_not_signed"


def test_an_attempt_is_seen_by_its_student_only(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    attempt = phone.check_in(ticket_for(phone, session)).json()["id"]
    url = f"/api/v1/check-in/attempts/{attempt}"
    assert phone.client.get(url).json()["id"] == attempt
    assert Phone(cast, cast.classmate).client.get(url).status_code == 404


def test_no_secret_and_no_coordinate_leaves_in_the_answer(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    answer = phone.check_in(ticket_for(phone, session), location=HERE, beacons=HEARD)
    assert HERE["latitude"][:6] not in answer.content.decode()
    assert "hall-1" not in answer.content.decode()


def test_coordinates_are_deleted_after_a_day(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    phone.check_in(ticket_for(phone, session), location=HERE)
    assert purge_location_data() == 0
    with campus_scope(cast.campus):
        CheckInAttempt.objects.update(received_at=timezone.now() - timedelta(hours=25))
    assert purge_location_data() == 1
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get()
    assert attempt.latitude is attempt.longitude is None
    assert attempt.factors["location"]["detail"]["distance"] == "under_50_m"
    assert attempt.address is not None


def test_addresses_are_deleted_after_thirty_days(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    phone.check_in(ticket_for(phone, session))
    old = timezone.now() - timedelta(days=30, minutes=1)
    with campus_scope(cast.campus):
        CheckInAttempt.objects.update(received_at=old)
        Scan.objects.update(at=old)
        assert Scan.objects.filter(address__isnull=False).exists()
        assert CheckInAttempt.objects.get().sign_in
    assert purge_location_data() == 1
    assert purge_location_data() == 0
    purge_codes()
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get()
        assert (attempt.address, attempt.sign_in) == (None, "")
        assert not Scan.objects.filter(address__isnull=False).exists()


@pytest.mark.parametrize("address", ["192.0.2.7", None])
def test_what_a_browser_says_of_itself_is_deleted_with_the_addresses(
    cast: Cast, session: ClassSession, phone: Phone, address: str | None
) -> None:
    browser = {"client": "web", "agent": "Mozilla/5.0 (Linux)", "screen": "390x844@3"}
    phone.check_in(ticket_for(phone, session), device_info=browser)

    def kept(age: timedelta) -> dict[str, str]:
        with campus_scope(cast.campus):
            changes = {"received_at": timezone.now() - age, "address": address}
            CheckInAttempt.objects.update(**changes)
        purge_location_data()
        with campus_scope(cast.campus):
            return dict(CheckInAttempt.objects.get().device_info)

    assert kept(timedelta(days=29)) == browser
    assert kept(timedelta(days=30, minutes=1)) == {}


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements of a request, the campus's announcement included, BEGIN and COMMIT not."""
    seen: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield seen
    seen += [q["sql"] for q in queries.captured_queries if q["sql"] not in ("BEGIN", "COMMIT")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("lean", "expected"), [(True, (3, 6)), (False, (4, 8))])
def test_redeem_and_check_in_take_few_statements(
    settings: Any, lean: bool, expected: tuple[int, int]
) -> None:
    settings.LEAN_LANE = lean
    cast = make_cast("north")
    session = open_session(cast)
    phone, other = Phone(cast, cast.student), Phone(cast, cast.classmate)
    ticket_for(other, session)  # fills the cache
    token = code_of(cast, session.pk, timezone.now()).token
    with statements() as redeeming:
        answer = phone.redeem(token=token)
    with statements() as checking_in:
        done = phone.check_in(answer.json()["ticket"], location=HERE, beacons=HEARD)
    assert done.json()["outcome"] == "accepted"
    assert (len(redeeming), len(checking_in)) == expected, [*redeeming, *checking_in]


@pytest.mark.django_db(transaction=True)
def test_fifty_retries_at_once_make_one_attempt_and_one_record() -> None:
    cast = make_cast("north")
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    ticket = ticket_for(phone, session)
    answers: list[tuple[int, str]] = []

    def send(nonce: str) -> None:
        answer = phone.check_in(ticket, nonce=nonce, location=HERE)
        answers.append((answer.status_code, answer.json().get("id", "")))
        connections.close_all()

    nonces = ["nonce-same-0"] * 10 + [f"nonce-other-{n}" for n in range(6)]
    threads = [threading.Thread(target=send, args=(nonce,)) for nonce in nonces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(status for status, _id in answers) == [200] * 9 + [201] * 7
    assert len({attempt for _status, attempt in answers}) == 7
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.count() == 1
        assert AttendanceSummary.objects.get().attended_sessions == 1


@pytest.mark.django_db(transaction=True)
def test_check_ins_while_the_session_closes_leave_consistent_totals() -> None:
    """Some come before the closing and some after: nobody is counted twice or lost."""
    cast = make_cast("north")
    session = open_session(cast)
    phones = [Phone(cast, s) for s in (cast.representative, cast.student, cast.classmate)]
    tickets = [ticket_for(phone, session) for phone in phones]
    outcomes: list[str] = []

    def send(phone: Phone, ticket: str) -> None:
        outcomes.append(phone.check_in(ticket).json()["outcome"])
        connections.close_all()

    def close() -> None:
        with campus_scope(cast.campus):
            register_close(session=session, now=timezone.now(), actor=SYSTEM)
        connections.close_all()

    threads = [
        threading.Thread(target=send, args=pair) for pair in zip(phones, tickets, strict=True)
    ]
    threads.insert(2, threading.Thread(target=close))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with campus_scope(cast.campus):
        closed = ClassSession.objects.get(pk=session.pk)
        records = list(AttendanceRecord.objects.values_list("status", flat=True))
    assert len(records) == 3
    attended = sum(1 for status in records if status == Status.PRESENT)
    assert attended == outcomes.count("accepted") == closed.total_attended


@pytest.mark.django_db
def test_one_device_is_enough_for_one_student_only(cast: Cast, session: ClassSession) -> None:
    """The database itself refuses one key for two students, and two active devices for one."""
    first = Phone(cast, cast.student)
    with campus_scope(cast.campus):
        device = Device.objects.get()
        copy = {"kind": "ios", "bound_at": device.bound_at, "last_seen_at": device.bound_at}
        for fields in (
            {"student": cast.classmate, "device_uuid": "x", "public_key": first.public_key},
            {"student": cast.student, "device_uuid": "y", "public_key": b"another"},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                Device.objects.create(**fields, **copy)


def test_the_score_and_status_are_bounded_by_the_database(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    phone.check_in(ticket_for(phone, session))
    with campus_scope(cast.campus):
        for change in (
            {"verification_score": "-0.01"},
            {"verification_score": "1.01"},
            {"status": "asleep"},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                AttendanceRecord.objects.update(**change)
        with pytest.raises(IntegrityError), transaction.atomic():
            AttendanceRecord.objects.create(
                session=session,
                student=cast.student,
                source=RecordSource.MANUAL,
                recorded_at=timezone.now(),
            )


def test_late_joiners_are_not_charged_for_sessions_before_them(
    cast: Cast, session: ClassSession
) -> None:
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
        enroll(cast.stranger, cast.course)
        assert not AttendanceSummary.objects.filter(student=cast.stranger).exists()


def test_the_frozen_policy_is_not_moved_by_later_changes(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    with campus_scope(cast.campus):
        cast.classroom.geofence_radius = 1
        cast.classroom.latitude = "0"
        cast.classroom.save()
    body = phone.check_in(ticket_for(phone, session), location=HERE).json()
    assert body["factors"]["location"]["passed"] is True
