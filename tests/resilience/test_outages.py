"""Whatever is killed: nothing is lost, nothing is double, and it recovers without hands."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.biometrics.models import FaceVerification, StoredImage
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.tasks import requeue_pending
from apps.processes.spawning import wait_until
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.biometrics.support import variant
from tests.factories import Cast
from tests.ops.running import DEADLINE, Script
from tests.phone import Phone, code_of
from tests.resilience.conftest import StartWorker, Wire, family, kill, server, start_again


@pytest.fixture
def phone(hall: Cast, lesson: ClassSession, site: str) -> Phone:
    return Phone(hall, hall.student, client=Wire(site).sign_in(hall.student.email))


@pytest.fixture
def selfie(astronaut_jpeg: bytes) -> bytes:
    return variant(astronaut_jpeg, brightness=1.15)


def ticket_for(phone: Phone, lesson: ClassSession) -> str:
    return phone.ticket(code_of(phone.cast, lesson.pk, timezone.now()).token)


def outcome_of(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        return list(CheckInAttempt.objects.values_list("outcome", flat=True))


def assert_counted_once(cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get().outcome == Outcome.ACCEPTED
        assert AttendanceRecord.objects.get().status == Status.PRESENT
        assert AttendanceSummary.objects.get().attended_sessions == 1


def requeue_as_beat_does(cast: Cast) -> None:
    """What beat queues again, a minute later."""
    with campus_scope(cast.campus):
        CheckInAttempt.objects.update(received_at=timezone.now() - timedelta(minutes=1))
    assert requeue_pending() == 1


def settled(cast: Cast) -> bool:
    return wait_until(lambda: outcome_of(cast) == [Outcome.ACCEPTED], timeout=DEADLINE)


def test_while_postgresql_is_away_phones_are_told_to_retry_and_lose_nothing(
    hall: Cast, lesson: ClassSession, phone: Phone
) -> None:
    ticket = ticket_for(phone, lesson)
    kill(server("PostgreSQL"))
    refused = phone.check_in(ticket, nonce="nonce-outage-1")
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["code"] == "database_unavailable"
    assert int(refused.headers["Retry-After"]) > 0
    start_again()
    # Each of the web server's processes notices for itself; none needs a hand. One that met silence
    # (behind a pooler) leaves the server alone for two seconds more.
    answers: list[int] = []

    def all_answer() -> bool:
        answers.extend(phone.check_in(ticket, nonce="nonce-outage-1").status_code for _ in range(4))
        return set(answers[-4:]) == {200}

    assert wait_until(all_answer, timeout=DEADLINE)
    assert [code for code in answers if code not in (200, 503)] == [201]
    assert_counted_once(hall)


def test_while_valkey_is_away_check_ins_go_on_and_sign_ins_hold(
    hall: Cast, lesson: ClassSession, phone: Phone, site: str
) -> None:
    kill(server("Valkey"))
    assert phone.check_in(ticket_for(phone, lesson)).json()["outcome"] == "accepted"
    newcomer = Wire(site).sign_in(hall.classmate.email)
    assert newcomer.get("/api/v1/me").status_code == 200
    start_again()
    assert phone.client.get("/api/v1/me").status_code == 200
    assert_counted_once(hall)


def test_a_face_sent_while_valkey_is_away_is_compared_afterwards(
    enrolled: Cast,
    lesson: ClassSession,
    phone: Phone,
    selfie: bytes,
    start_worker: StartWorker,
) -> None:
    ticket = ticket_for(phone, lesson)
    kill(server("Valkey"))
    assert phone.check_in(ticket, selfie=selfie).json()["outcome"] == "pending"
    start_again()
    start_worker()
    requeue_as_beat_does(enrolled)
    assert settled(enrolled)
    assert_counted_once(enrolled)


def hold_in_the_middle(worker: Script) -> None:
    """Stop the pool's child: the parent still fetches the message, and the task stays begun."""
    for child in family(worker)[1:]:
        child.send_signal(signal.SIGSTOP)


def test_a_worker_killed_in_the_middle_of_a_face_is_made_good_by_the_next(
    enrolled: Cast,
    lesson: ClassSession,
    phone: Phone,
    selfie: bytes,
    start_worker: StartWorker,
) -> None:
    worker = start_worker()
    hold_in_the_middle(worker)
    assert phone.check_in(ticket_for(phone, lesson), selfie=selfie).json()["outcome"] == "pending"
    worker.wait_for("received")
    for process in family(worker):
        process.kill()
    assert outcome_of(enrolled) == [Outcome.PENDING]
    start_worker()
    requeue_as_beat_does(enrolled)
    assert settled(enrolled)
    assert_counted_once(enrolled)
    with campus_scope(enrolled.campus):
        assert FaceVerification.objects.count() == 1


@contextmanager
def storage_gone() -> Iterator[None]:
    """A file where the folder of images was: even root cannot write into it."""
    media = Path(settings.MEDIA_ROOT)
    aside = media.with_name("media-aside")
    shutil.move(media, aside)
    media.touch()
    try:
        yield
    finally:
        media.unlink()
        shutil.move(aside, media)


def test_while_the_storage_is_away_selfies_are_refused_whole_and_the_rest_goes_on(
    enrolled: Cast, lesson: ClassSession, phone: Phone, selfie: bytes, site: str
) -> None:
    ticket = ticket_for(phone, lesson)
    with campus_scope(enrolled.campus):
        stored = StoredImage.objects.count()
    with storage_gone():
        refused = phone.check_in(ticket, nonce="nonce-storage-1", selfie=selfie)
        assert refused.status_code == 503
        assert refused.json()["errors"][0]["code"] == "storage_unavailable"
        classmate = Phone(
            enrolled, enrolled.classmate, client=Wire(site).sign_in(enrolled.classmate.email)
        )
        going_on = classmate.check_in(ticket_for(classmate, lesson))
        assert going_on.json()["outcome"] == "accepted"
    with campus_scope(enrolled.campus):
        assert StoredImage.objects.count() == stored
        assert not CheckInAttempt.objects.filter(student=enrolled.student).exists()
    again = phone.check_in(ticket, nonce="nonce-storage-1", selfie=selfie)
    assert (again.status_code, again.json()["outcome"]) == (201, "pending")


def test_a_killed_web_worker_costs_a_retry_and_nothing_else(
    hall: Cast, lesson: ClassSession, phone: Phone, site: str
) -> None:
    ticket = ticket_for(phone, lesson)
    port = int(site.rsplit(":", 1)[1])
    workers = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(port) in (process.info["cmdline"] or []) and process.children()
    ]
    for child in workers[0].children():
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.kill()
            break
    answers: list[Any] = []

    def answered() -> bool:
        with suppress(OSError):
            answers.append(phone.check_in(ticket, nonce="nonce-web-1"))
        return bool(answers)

    assert wait_until(answered, timeout=DEADLINE)
    first = answers[0]
    assert first.status_code in (200, 201)
    assert phone.check_in(ticket, nonce="nonce-web-1").json() == first.json()
    assert_counted_once(hall)


def test_a_process_of_the_face_worker_that_grew_too_large_is_replaced(
    enrolled: Cast,
    lesson: ClassSession,
    phone: Phone,
    selfie: bytes,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKER_MAX_MEMORY_KB", "50000")  # less than any process of it needs
    worker = start_worker()
    before = {process.pid for process in family(worker)[1:]}
    assert before
    assert phone.check_in(ticket_for(phone, lesson), selfie=selfie).json()["outcome"] == "pending"
    assert settled(enrolled)
    assert wait_until(
        lambda: not before & {process.pid for process in family(worker)[1:]}, timeout=DEADLINE
    )
    assert family(worker)[1:]  # another one took its place
    assert_counted_once(enrolled)
