"""A real PgBouncer in transaction mode: nothing of one client is left for the next."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord
from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Department
from apps.jobs import registry
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.jobs.tasks import execute_job
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast, enroll, make_cast, make_student
from tests.imports.support import do_import, xlsx
from tests.phone import Phone, code_of
from tests.pooler import SERVERS, Pooler, find_pgbouncer
from tests.tenants.test_isolation import tables

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(find_pgbouncer() is None, reason="no pgbouncer on this machine"),
]
THREADS = 24
ROUNDS = 12
KIND = "tests.pooled"


@pytest.fixture
def pooled(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Every connection that the application makes from now on leads through the pooler."""
    with Pooler(connections["default"].settings_dict, tmp_path / "pooler") as pooler:
        target = connections["default"].settings_dict
        before = {name: target[name] for name in ("HOST", "PORT")}
        connection.close()
        target.update(HOST=str(pooler.folder), PORT=str(pooler.port))
        try:
            yield
        finally:
            connections.close_all()
            target.update(before)


@pytest.fixture
def campuses(pooled: None) -> list[Cast]:
    return [make_cast("north"), make_cast("south")]


def in_threads(*acts: Callable[[], Any]) -> list[Any]:
    """The results of all acts, each in a thread with a connection of its own."""
    ready = threading.Barrier(len(acts))

    def go(act: Callable[[], Any]) -> Any:
        try:
            ready.wait(timeout=30)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result() for done in [pool.submit(go, act) for act in acts]]


def work_of(cast: Cast) -> Callable[[], Any]:
    """Scoped reads and writes, more often than it takes for a statement to be prepared."""

    def act() -> None:
        for _ in range(ROUNDS):
            with campus_scope(cast.campus):
                codes = Student.objects.values_list("campus_id", flat=True)
                assert set(codes) == {cast.campus.pk}
                Department.objects.filter(code="CSE").update(name="Computing")

    return act


def job_of(cast: Cast) -> Callable[[], Any]:
    def act() -> None:
        with campus_scope(cast.campus):
            job = job_start(kind=KIND, title="T", params={}, user_id=None, now=timezone.now())
        execute_job(cast.campus.pk, job.pk)

    return act


def import_of(cast: Cast) -> Callable[[], Any]:
    rows = [["id", "name", "year"], *([n, f"Student Number {n}", "E1"] for n in range(900, 960))]
    data = xlsx(rows)

    def act() -> None:
        assert do_import(cast, "students", data).result.new == 60

    return act


def check_in_of(cast: Cast, session: ClassSession, student: Student) -> Callable[[], Any]:
    def act() -> None:
        phone = Phone(cast, student)
        ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
        assert phone.check_in(ticket).status_code == 201
        assert phone.client.get("/api/v1/me").status_code == 200

    return act


def look_without_a_campus() -> dict[str, int]:
    """As any other client of the pooler would: no scope, plain SQL."""
    seen = {}
    for _ in range(ROUNDS):
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('campus.id', true), '')")
            assert cursor.fetchone()[0] == ""
            for table in ("jobs_job", "accounts_student", "attendance_attendancerecord"):
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                seen[table] = cursor.fetchone()[0]
    return {table: count for table, count in seen.items() if count}


def test_the_connection_knows_that_a_pooler_stands_before_the_server(pooled: None) -> None:
    connection.ensure_connection()
    assert connection.pooled
    assert connection.connection.prepare_threshold is None


def test_the_limits_of_the_role_hold_behind_the_pooler(pooled: None) -> None:
    with connection.cursor() as cursor:
        for name, value in (("statement_timeout", "15s"), ("lock_timeout", "5s")):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (value,)


def test_rows_are_read_in_pieces_outside_a_transaction(campuses: list[Cast]) -> None:
    from apps.tenants.models import Campus

    assert len(list(Campus.objects.order_by("pk").iterator(chunk_size=1))) == 2


def test_two_campuses_at_once_leave_nothing_behind(
    campuses: list[Cast], monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(job: Job, progress: Progress) -> dict[str, Any]:
        for done in range(ROUNDS):
            progress.at(done, ROUNDS, phase=f"step {done}")
        return {"campus": job.campus_id}

    monkeypatch.setitem(registry._handlers, KIND, handler)
    acts: list[Callable[[], Any]] = []
    students = 0
    for cast in campuses:
        session = open_session(cast)
        with campus_scope(cast.campus):
            more = [make_student(slug=cast.campus.slug) for _ in range(2)]
            for student in more:
                enroll(student, cast.course)
        hall = [cast.student, cast.classmate, *more]
        students += len(hall)
        acts += [check_in_of(cast, session, student) for student in hall]
        acts += [job_of(cast), job_of(cast), import_of(cast)]
        acts += [work_of(cast)] * 2
    acts += [look_without_a_campus] * (THREADS - len(acts))
    assert len(acts) == THREADS > SERVERS
    found = in_threads(*acts)
    assert [seen for seen in found if seen] == []
    # Now every connection that the pooler keeps, one after the other and at once.
    assert in_threads(*[look_without_a_campus] * SERVERS) == [{}] * SERVERS
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            assert cursor.fetchone() == (0,), table
    for cast in campuses:
        with campus_scope(cast.campus):
            assert CheckInAttempt.objects.filter(outcome="accepted").count() == students / 2
            assert AttendanceRecord.objects.count() == students / 2
            assert set(Job.objects.values_list("status", flat=True)) == {"succeeded"}
            assert {job.result["campus"] for job in Job.objects.all()} == {cast.campus.pk}
            assert Student.objects.filter(code__startswith="9").count() == 60


def test_a_request_leaves_no_campus_on_its_connection(campuses: list[Cast]) -> None:
    client = APIClient(headers={"host": campuses[0].host})
    client.force_authenticate(campuses[0].admin)
    assert client.get("/api/v1/students").status_code == 200
    assert look_without_a_campus() == {}
