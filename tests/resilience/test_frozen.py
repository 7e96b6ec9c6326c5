"""Servers that were stopped with SIGSTOP: connections open, and nothing ever comes back."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.utils import timezone

from apps.accounts.models import Student
from apps.common.cache import count_up
from apps.ops.health import check_health
from apps.ops.views.health import readyz
from apps.processes.spawning import wait_until
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import enqueue
from campus.settings.base import redis_cache
from tests.factories import PASSWORD, Cast
from tests.ops.running import DEADLINE
from tests.phone import Phone, code_of
from tests.resilience.conftest import Wire, frozen, server

SOON = 2.0  # seconds in which /readyz has to have answered
SILENCE = "did not answer"


def health_of(site: str) -> tuple[int, dict[str, bool]]:
    answer = requests.get(f"{site}/readyz", timeout=SOON)
    return answer.status_code, answer.json()["checks"]


@pytest.mark.parametrize("title", ["PostgreSQL", "Valkey"])
def test_readyz_answers_while_a_server_hangs(site: str, title: str) -> None:
    name = {"PostgreSQL": "database", "Valkey": "redis"}[title]
    with frozen(server(title)):
        for _ in range(6):  # more than the web server has threads
            status, checks = health_of(site)
            assert (status, checks[name]) == (503, False)
    assert health_of(site)[1].keys() == {"database", "schema", "key", "redis", "storage"}


def test_pages_that_meet_a_frozen_postgresql_make_way_for_readyz(hall: Cast, site: str) -> None:
    """Each thread of the web server holds a connection; the first page in each finds out."""
    wire = Wire(site).sign_in(hall.student.email)
    for _ in range(8):
        assert wire.get("/api/v1/me").status_code == 200
    with frozen(server("PostgreSQL")):
        for _ in range(8):
            refused = wire.get("/api/v1/me")
            assert refused.status_code == 503
            assert refused.json()["errors"][0]["code"] == "database_unavailable"
            assert health_of(site)[0] == 503


def test_readyz_gets_through_while_every_thread_meets_the_freeze(hall: Cast, site: str) -> None:
    """More callers than threads, over and over, before and while the server is frozen."""
    wire = Wire(site).sign_in(hall.student.email)
    stop = threading.Event()
    answered: list[int] = []

    def call() -> None:
        mine = Wire(site)
        mine.session.headers.update(wire.session.headers)
        while not stop.is_set():
            answered.append(mine.get("/api/v1/me").status_code)

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call) for _ in range(8)]
        try:
            assert wait_until(lambda: len(answered) >= 32, timeout=DEADLINE)
            with frozen(server("PostgreSQL")):
                for _ in range(5):
                    assert health_of(site)[1]["database"] is False
        finally:
            stop.set()
        for done in calls:
            done.result(timeout=DEADLINE)
    assert set(answered) == {200, 503}


def test_a_statement_under_way_is_given_up(hall: Cast) -> None:
    """Over a unix socket nothing else would ever end it."""

    def read() -> None:
        with campus_scope(hall.campus, for_request=True):
            assert Student.objects.exists()
            with frozen(server("PostgreSQL")):
                Student.objects.count()

    with pytest.raises(OperationalError, match=SILENCE):
        read()
    connection.close()
    with campus_scope(hall.campus):
        assert Student.objects.exists()


def test_hanging_checks_do_not_pile_up(hall: Cast) -> None:
    with frozen(server("PostgreSQL")):
        check_health()
        before = threading.active_count()
        for _ in range(3):
            assert check_health().checks["database"] is False
        assert threading.active_count() <= before + 1
    assert json.loads(readyz(RequestFactory().get("/readyz")).content)["checks"]["redis"]


def waits(caplog: pytest.LogCaptureFixture) -> int:
    """How often the process waited for the cache in vain."""
    return sum(SILENCE in record.message for record in caplog.records)


def test_the_timeouts_of_one_wait_are_half_a_second_together() -> None:
    options = redis_cache("redis://none")["default"]["OPTIONS"]
    assert options["socket_connect_timeout"] + options["socket_timeout"] <= 0.5


def test_a_page_waits_for_a_frozen_valkey_once(
    hall: Cast, lesson: ClassSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Cache, limits, sessions, board and broker: whatever a page asks of it."""
    phone = Phone(hall, hall.student)
    page = Client(headers={"host": hall.host})
    page.force_login(hall.lecturer.user)  # type: ignore[arg-type]
    newcomer = Client(headers={"host": hall.host})
    caplog.set_level(logging.WARNING)
    with frozen(server("Valkey")):
        ticket = phone.ticket(code_of(hall, lesson.pk, timezone.now()).token)
        assert phone.check_in(ticket).json()["outcome"] == "accepted"
        assert page.get("/teach/").status_code == 200
        assert (
            newcomer.post(
                "/accounts/login/", {"login": hall.admin.email, "password": PASSWORD}
            ).status_code
            == 302
        )
        assert count_up("throttle:test", seconds=60) == 1
        with campus_scope(hall.campus):
            enqueue("apps.jobs.tasks.run_job", "none")
    assert "could not be enqueued" in caplog.text
    assert waits(caplog) == 1
