"""Check-ins with a selfie: pending at once, settled by the worker's code on real photos."""

import threading
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.attendance.services.register import register_close
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceVerification, StoredImage
from apps.biometrics.services import images_purge
from apps.checkin import tasks
from apps.checkin.models import CheckInAttempt, FaceState, Outcome, Reason
from apps.checkin.services.settle import settle_with_face
from apps.checkin.tasks import requeue_pending
from apps.common.ids import uuid7
from apps.privacy.services import consent_withdraw
from apps.sessions import selectors
from apps.sessions.models import ClassSession
from apps.sessions.selectors import lock_for_late_check_in
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.biometrics.conftest import (  # noqa: F401
    astronaut,
    astronaut_jpeg,
    astronaut_path,
    demo_faces,
    engine,
    media,
    models_dir,
)
from tests.biometrics.support import enable_faces, enrol, jpeg_of, variant
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def enrolled(cast: Cast, engine: object, astronaut_jpeg: bytes) -> Cast:  # noqa: F811
    """The student's face is known, and faces are on for the campus."""
    with campus_scope(cast.campus):
        enable_faces()
        sample = enrol(cast.student, astronaut_jpeg, timezone.now())
        assert sample.status == "accepted", sample.reason
    return cast


@pytest.fixture
def session(enrolled: Cast) -> ClassSession:
    return open_session(enrolled)


@pytest.fixture
def same_face(astronaut_jpeg: bytes) -> bytes:  # noqa: F811
    return variant(astronaut_jpeg, brightness=1.2)


@pytest.fixture
def other_face(demo_faces: Path) -> bytes:  # noqa: F811
    """A portrait of somebody else."""
    others = [path for path in sorted(demo_faces.glob("*/*")) if "astronaut" not in str(path)]
    return jpeg_of(others[0])


def send(
    cast: Cast, session: ClassSession, selfie: bytes, phone: Phone | None = None
) -> dict[str, Any]:
    phone = phone or Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    answer = phone.check_in(ticket, selfie=selfie, location=HERE, beacons=HEARD)
    assert answer.status_code == 201, answer.content
    return answer.json()


def settle(cast: Cast, attempt_id: str) -> CheckInAttempt:
    with campus_scope(cast.campus):
        settle_with_face(attempt_id=attempt_id, now=timezone.now())  # type: ignore[arg-type]
        return CheckInAttempt.objects.get(pk=attempt_id)


def record_of(cast: Cast) -> AttendanceRecord | None:
    with campus_scope(cast.campus):
        return AttendanceRecord.objects.filter(student=cast.student).first()


def test_the_request_does_not_wait_for_the_face(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    body = send(enrolled, session, same_face)
    assert (body["outcome"], body["face_state"]) == ("pending", "pending")
    assert body["factors"]["face"]["reason"] == "pending"
    assert record_of(enrolled) is None


def test_the_own_face_makes_the_student_present(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    attempt = settle(enrolled, send(enrolled, session, same_face)["id"])
    assert (attempt.outcome, attempt.score) == (Outcome.ACCEPTED, Decimal("1.00"))
    assert attempt.face_state == FaceState.SETTLED
    record = record_of(enrolled)
    assert record is not None
    assert (record.status, record.biometric_verified) == (Status.PRESENT, True)


def test_somebody_elses_face_is_invalid_whatever_else_is_right(
    enrolled: Cast, session: ClassSession, other_face: bytes
) -> None:
    attempt = settle(enrolled, send(enrolled, session, other_face)["id"])
    assert (attempt.outcome, attempt.reason) == (Outcome.REFUSED, Reason.FACE_MISMATCH)
    record = record_of(enrolled)
    assert record is not None
    assert record.status == Status.INVALID


def test_a_photo_without_a_face_cannot_tell_and_waits_for_the_lecturer(
    enrolled: Cast, session: ClassSession, jpeg: bytes
) -> None:
    attempt = settle(enrolled, send(enrolled, session, jpeg)["id"])
    assert (attempt.outcome, attempt.reason) == (Outcome.WAITING, Reason.PHOTO_UNCLEAR)
    assert record_of(enrolled) is None
    assert attempt.factors["face"]["passed"] is None
    assert attempt.factors["face"]["reason"] == "no_face"


def test_settling_twice_changes_and_counts_nothing(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    attempt_id = send(enrolled, session, same_face)["id"]
    first = settle(enrolled, attempt_id)
    assert settle(enrolled, attempt_id).settled_at == first.settled_at
    with campus_scope(enrolled.campus):
        assert FaceVerification.objects.count() == 1
        assert AttendanceSummary.objects.get().attended_sessions == 1


def test_a_better_second_attempt_repairs_an_invalid_record(
    enrolled: Cast, session: ClassSession, other_face: bytes, same_face: bytes
) -> None:
    phone = Phone(enrolled, enrolled.student)
    for selfie, status in ((other_face, Status.INVALID), (same_face, Status.PRESENT)):
        ticket = phone.ticket(code_of(enrolled, session.pk, timezone.now()).token)
        settle(enrolled, phone.check_in(ticket, selfie=selfie).json()["id"])
        record = record_of(enrolled)
        assert record is not None
        assert record.status == status


def test_a_face_settled_after_the_closing_still_counts(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    attempt_id = send(enrolled, session, same_face)["id"]
    with campus_scope(enrolled.campus):
        closed = register_close(session=session, now=timezone.now(), actor=SYSTEM)
    assert closed.total_attended == 0
    settle(enrolled, attempt_id)
    with campus_scope(enrolled.campus):
        closed.refresh_from_db()
        assert closed.total_attended == 1
        assert AttendanceRecord.objects.filter(status=Status.ABSENT).count() == 2


def test_who_is_refused_after_the_closing_is_absent(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    """The closing passes over whose check-in is still looked at; a photo that a classmate sent
    first makes no mark by itself."""
    cast = enrolled
    attempt_id = send(cast, session, same_face)["id"]
    with campus_scope(cast.campus):
        first = CheckInAttempt.objects.get(pk=attempt_id)
        first.id, first.student, first.nonce = uuid7(), cast.classmate, "nonce-before"
        first.received_at -= timedelta(seconds=1)
        first.save(force_insert=True)
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    assert record_of(cast) is None
    attempt = settle(cast, attempt_id)
    assert (attempt.outcome, attempt.reason) == (Outcome.REFUSED, Reason.OTHERS_PHOTO)
    record = record_of(cast)
    assert record is not None
    assert record.status == Status.ABSENT
    with campus_scope(cast.campus):
        assert AttendanceSummary.objects.get(student=cast.student).total_sessions == 1


def test_a_lost_task_is_picked_up_by_the_sweep(
    enrolled: Cast,
    session: ClassSession,
    same_face: bytes,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: pytest.FixtureRequest,
) -> None:
    attempt_id = send(enrolled, session, same_face)["id"]
    sent: list[tuple] = []
    monkeypatch.setattr(
        "celery.app.base.Celery.send_task",
        lambda self, name, args=None, *rest, **options: sent.append((name, tuple(args))),
    )
    with campus_scope(enrolled.campus):
        CheckInAttempt.objects.update(received_at=timezone.now() - timedelta(minutes=1))
    for found in (1, 0):  # it is on its way then
        with django_capture_on_commit_callbacks(execute=True):
            assert requeue_pending() == found
    assert sent == [("apps.checkin.tasks.settle_face", (attempt_id,))]


def test_one_that_cannot_be_given_up_keeps_no_other_from_it(
    enrolled: Cast,
    session: ClassSession,
    same_face: bytes,
    other_face: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phone = Phone(enrolled, enrolled.student)
    ids = [send(enrolled, session, face, phone)["id"] for face in (same_face, other_face)]
    with campus_scope(enrolled.campus):
        for age, attempt_id in zip((62, 61), ids, strict=True):
            at = timezone.now() - timedelta(minutes=age)
            CheckInAttempt.objects.filter(pk=attempt_id).update(received_at=at)
    right = tasks.settle_without_face

    def failing(*, attempt_id: UUID, now: datetime) -> CheckInAttempt | None:
        if str(attempt_id) == ids[0]:
            raise RuntimeError("no")
        return right(attempt_id=attempt_id, now=now)

    monkeypatch.setattr(tasks, "settle_without_face", failing)
    assert requeue_pending() == 1
    with campus_scope(enrolled.campus):
        outcomes = [CheckInAttempt.objects.get(pk=attempt_id).outcome for attempt_id in ids]
    assert outcomes == [Outcome.PENDING, Outcome.WAITING]


def test_a_face_that_nobody_could_compare_for_an_hour_is_given_up_and_waits(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    attempt_id = send(enrolled, session, same_face)["id"]
    with campus_scope(enrolled.campus):
        CheckInAttempt.objects.update(received_at=timezone.now() - timedelta(minutes=61))
    requeue_pending()
    with campus_scope(enrolled.campus):
        attempt = CheckInAttempt.objects.get(pk=attempt_id)
    assert attempt.outcome == Outcome.WAITING
    assert attempt.factors["face"]["reason"] == "not_compared"


def test_after_withdrawing_consent_the_check_in_falls_back_to_the_other_factors(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    with campus_scope(enrolled.campus):
        consent_withdraw(student=enrolled.student, kind="face", now=timezone.now(), actor=SYSTEM)
    body = send(enrolled, session, same_face)
    assert (body["outcome"], body["score"]) == ("accepted", 1.0)
    assert "face" not in body["factors"]
    with campus_scope(enrolled.campus):
        assert CheckInAttempt.objects.get().selfie is None


def test_a_selfie_goes_after_thirty_days_and_the_attempt_stays(
    enrolled: Cast,
    session: ClassSession,
    same_face: bytes,
    media: Path,  # noqa: F811
) -> None:
    attempt_id = send(enrolled, session, same_face)["id"]
    settle(enrolled, attempt_id)
    with campus_scope(enrolled.campus):
        image_id = CheckInAttempt.objects.get(pk=attempt_id).selfie_id
        images_purge(now=timezone.now() + timedelta(days=31))
        assert not StoredImage.objects.filter(pk=image_id).exists()
        assert CheckInAttempt.objects.get(pk=attempt_id).selfie is None
    assert not [path for path in media.rglob("*.bin") if "snapshots" in str(path)]


def test_a_selfie_is_stored_encrypted(
    enrolled: Cast,
    session: ClassSession,
    same_face: bytes,
    media: Path,  # noqa: F811
) -> None:
    send(enrolled, session, same_face)
    stored = [path.read_bytes() for path in media.rglob("*.bin")]
    assert stored
    assert all(b"\xff\xd8\xff" not in data[:64] and b"JFIF" not in data for data in stored)


# --- Many at once, after the closing ---------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_late_check_ins_of_one_session_do_not_wait_for_each_other_in_a_circle(cast: Cast) -> None:
    """A hall that was offline sends when it finds the network; each changes the counters."""
    session = open_session(cast)
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    both_hold = threading.Barrier(2)
    failures: list[Exception] = []

    def arrive() -> None:
        try:
            with campus_scope(cast.campus):
                row = lock_for_late_check_in(session_id=session.pk)
                assert row is not None
                assert row["status"] == ClassSession.Status.COMPLETED
                with suppress(threading.BrokenBarrierError):
                    both_hold.wait(timeout=1)
                refresh_totals(session_id=session.pk)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=arrive) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_a_closing_in_between_is_seen(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open when looked at, closed when locked: held alone all the same, and nothing shared."""
    session = open_session(cast)
    read = selectors._check_in_row
    asked = []

    def closes_after_the_first_look(session_id: int, lock: str) -> dict[str, Any] | None:
        row = read(session_id, lock)
        asked.append(lock)
        if lock == "":
            thread = threading.Thread(target=close)
            thread.start()
            thread.join()
        return row

    def close() -> None:
        with campus_scope(cast.campus):
            register_close(session=session, now=timezone.now(), actor=SYSTEM)
        connection.close()

    monkeypatch.setattr(selectors, "_check_in_row", closes_after_the_first_look)
    with campus_scope(cast.campus):
        row = lock_for_late_check_in(session_id=session.pk)
    assert row is not None
    assert row["status"] == ClassSession.Status.COMPLETED
    assert asked == ["", "FOR SHARE", "FOR NO KEY UPDATE"]
