"""Real servers and workers beside the tests, to be killed."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests
from django.conf import settings
from django.db import connections
from django.utils import timezone

from apps.common.cache import circuit_breaker as cache_breaker
from apps.common.postgresql.connection import circuit_breaker as database_breaker
from apps.ops.bringup import answers
from apps.ops.fleet import platform_services
from apps.processes.embedded.server import EmbeddedServer
from apps.processes.spawning import wait_until
from apps.sessions.models import ClassSession
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from tests import services
from tests.attendance.support import open_session
from tests.biometrics.conftest import (  # noqa: F401  (fixtures)
    astronaut_jpeg,
    astronaut_path,
    engine,
    models_dir,
)
from tests.biometrics.support import enable_faces, enrol
from tests.factories import PASSWORD, Cast, make_cast
from tests.ops.running import DEADLINE, Script, running

TESTS_DIR = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if services.STACK is not None:
        return
    for item in items:
        if TESTS_DIR in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="kills its servers: not those of others"))


class Wire:
    """HTTP over a socket in the shape of the REST test client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def sign_in(self, email: str) -> "Wire":
        body = {"email": email, "password": PASSWORD}
        answer = self.post("/_allauth/app/v1/auth/login", body)
        token = answer.json()["meta"]["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        return self

    def post(self, path: str, body: dict[str, Any], format: str = "json") -> requests.Response:
        if format == "json":
            return self.session.post(self.url + path, json=body, timeout=DEADLINE)
        files = {name: part for name, part in body.items() if hasattr(part, "read")}
        data = {name: part for name, part in body.items() if name not in files}
        return self.session.post(self.url + path, data=data, files=files, timeout=DEADLINE)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=DEADLINE)


def server(title: str) -> EmbeddedServer:
    assert services.STACK is not None
    return next(found for found in services.STACK.servers if found.title == title)


def kill(found: EmbeddedServer) -> None:
    """End a server the hard way."""
    connections.close_all()
    process = found._process
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)


@contextmanager
def frozen(found: EmbeddedServer) -> Iterator[None]:
    """A server that is there, takes connections and answers nothing."""
    assert found._process is not None
    leader = psutil.Process(found._process.pid)
    processes = [leader, *leader.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        database_breaker.worked()
        cache_breaker.worked()


def start_again() -> None:
    """Bring back whatever was killed, as `manage.py up` does."""
    assert services.STACK is not None
    services.STACK.restart_dead()
    connections.close_all()
    assert wait_until(database_answers, timeout=DEADLINE)  # a pooler takes a moment to notice


def database_answers() -> bool:
    try:
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=1) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(autouse=True)
def _servers_come_back() -> Iterator[None]:
    yield
    start_again()


@pytest.fixture
def hall(transactional_db: None) -> Cast:
    """Campus "north", reached over loopback."""
    cast = make_cast("north")
    Domain.objects.create(campus=cast.campus, host="127.0.0.1")
    return cast


@pytest.fixture
def lesson(hall: Cast) -> ClassSession:
    return open_session(hall)


@pytest.fixture
def enrolled(hall: Cast, engine: object, astronaut_jpeg: bytes) -> Cast:  # noqa: F811
    with campus_scope(hall.campus):
        enable_faces()
        sample = enrol(hall.student, astronaut_jpeg, timezone.now())
        assert sample.status == "accepted", sample.reason
    return hall


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, *, port: int = 0) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of one of the platform's processes, on the tests' servers."""
    fleet = platform_services(host="127.0.0.1", port=port, var=Path(settings.CAMPUS_VAR))
    found = next(service for service in fleet if service.name == name)
    environment = {**os.environ, **found.env, "DJANGO_SETTINGS_MODULE": "campus.settings.test"}
    return list(found.command[1:]), environment


@pytest.fixture
def site(hall: Cast, tmp_path: Path) -> Iterator[str]:
    """The address of a web server of its own."""
    port = free_port()
    arguments, environment = program("web", port=port)
    with running(*arguments, log=tmp_path / "web.log", env=environment):
        assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), timeout=DEADLINE)
        yield f"http://127.0.0.1:{port}"


StartWorker = Callable[[], Script]


@pytest.fixture
def start_worker(hall: Cast, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts face workers, and ends them with the test."""
    with ExitStack() as workers:

        def start() -> Script:
            arguments, environment = program("faces")
            log = tmp_path / f"faces-{timezone.now().timestamp()}.log"
            script = workers.enter_context(running(*arguments, log=log, env=environment))
            script.wait_for("ready.")
            return script

        yield start


def family(script: Script) -> list[psutil.Process]:
    """The process and its children."""
    parent = psutil.Process(script.process.pid)
    return [parent, *parent.children(recursive=True)]
