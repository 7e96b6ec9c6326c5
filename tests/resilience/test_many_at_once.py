"""More requests at once than the server has connections, and a class that checks in together."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.checkin.models import CheckInAttempt
from apps.ops.bringup import answers
from apps.processes.spawning import wait_until
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests import tables
from tests.factories import Cast, enroll, make_student
from tests.ops.running import DEADLINE, running
from tests.phone import Phone, code_of
from tests.resilience.conftest import Wire, free_port, program

CLASS = 24
POOL = {"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "1", "DB_POOL_TIMEOUT": "1", "DB_POOL_WAITING": "3"}
PROCESSES = 2  # of the web server


@pytest.fixture
def small_site(hall: Cast, tmp_path: Path) -> Iterator[str]:
    """A web server with two connections in each process, for which three may wait a second."""
    port = free_port()
    arguments, environment = program("web", port=port)
    # Four threads for each connection: so many may ask for one at once.
    arguments[arguments.index("--blocking-threads") + 1] = "8"
    with running(*arguments, log=tmp_path / "web.log", env={**environment, **POOL}):
        assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), timeout=DEADLINE)
        yield f"http://127.0.0.1:{port}"


def all_at_once(work: Callable[[int], Any], count: int) -> list[Any]:
    """`work(n)` for each n, in threads that begin together."""
    start = threading.Barrier(count)

    def begin(number: int) -> Any:
        start.wait(DEADLINE)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_a_pool_without_room_is_503_and_recovers(hall: Cast, small_site: str) -> None:
    wires = [Wire(small_site).sign_in(hall.student.email) for _ in range(16)]
    with tables._connection() as root, root.transaction():
        # Every request reads its campus first, and waits here with its connection.
        root.execute("LOCK TABLE tenants_campus IN ACCESS EXCLUSIVE MODE")
        refused = all_at_once(lambda number: wires[number].get("/api/v1/me"), len(wires))
        assert connections_of_the_application() <= 2 * PROCESSES + 1  # and the tests' own
    statuses = Counter(answer.status_code for answer in refused)
    assert set(statuses) == {503}, statuses
    for answer in refused:
        assert answer.json()["errors"][0]["code"] == "database_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    # The ones that found no room were told so early, long before the lock's own limit (5 s).
    assert min(answer.elapsed.total_seconds() for answer in refused) < 3
    again = all_at_once(lambda number: wires[number].get("/api/v1/me"), 4)
    assert {answer.status_code for answer in again} == {200}


def connections_of_the_application() -> int:
    with tables._connection() as root:
        row = root.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'campus_app' "
            "AND datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_class_that_checks_in_together_is_counted_once_each(
    hall: Cast, lesson: ClassSession, site: str
) -> None:
    phones = [one_more(hall, number) for number in range(CLASS)]
    for phone in phones:
        phone.client = Wire(site).sign_in(phone.student.email)
    token = code_of(hall, lesson.pk, timezone.now()).token

    def arrive(number: int) -> tuple[int, str]:
        phone = phones[number]
        ticket = phone.redeem(token=token)
        assert ticket.status_code == 201, ticket.text
        nonce = f"nonce-class-{number:04d}"
        first = phone.check_in(ticket.json()["ticket"], nonce=nonce)
        again = phone.check_in(ticket.json()["ticket"], nonce=nonce)
        assert again.status_code == 200, again.text
        return first.status_code, first.json()["outcome"]

    outcomes = Counter(all_at_once(arrive, CLASS))
    assert outcomes == {(201, "accepted"): CLASS}
    with campus_scope(hall.campus):
        ids = [phone.student.pk for phone in phones]
        assert AttendanceRecord.objects.filter(student_id__in=ids).count() == CLASS
        assert CheckInAttempt.objects.filter(student_id__in=ids).count() == CLASS
        attended = AttendanceSummary.objects.filter(student_id__in=ids)
        assert set(attended.values_list("attended_sessions", flat=True)) == {1}


def one_more(hall: Cast, number: int) -> Phone:
    with campus_scope(hall.campus):
        student: Student = make_student(f"MANY{number}", slug="north")
        enroll(student, hall.course)
    return Phone(hall, student, client=object())
