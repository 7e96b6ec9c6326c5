"""The drill of docs/guides/upgrading.md: the last release becomes this version under load."""

import http.client
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg import sql

from apps.backup.physical import extract
from apps.ops.bringup import answers
from apps.ops.fleet import platform_services
from apps.processes.embedded import EmbeddedStack, Layout
from apps.processes.spawning import wait_until
from bench.load_site import Result, load, sign_in
from tests.ops.lifecycle import free_port
from tests.ops.running import ROOT, Script, environment, running

FAST = {"fsync": "off", "shared_buffers": "16MB"}
COMMAND_SECONDS = 240
READY_SECONDS = 90
LONGEST = 600.0  # seconds; the load ends with the drill
# Not the page of its health, on which 0.2.0 says with 503 that a server is slow to answer.
PAGES = ("/accounts/login/", "/sw.js", "/manifest.webmanifest")
CAMPUS = {"X-Campus": "demo"}
PASSED_ON = ("Authorization", "Content-Type", "X-Campus", "Host")
SAID = re.compile(r"^(\S+).*?(\S+@\S+)\s+(\S+)$", re.M)


class Proxy:
    """Stands before the web servers as `deploy/proxy/nginx.conf` does: the maintenance page, with
    503 and `Retry-After`, where none of those that it sends to answers."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = {name: self.headers[name] for name in PASSED_ON if self.headers.get(name)}
                status, headers, body = proxy.ask(
                    self.command, self.path, sent, self.rfile.read(length)
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815  (the library asks for the name)

            def log_message(self, *args: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        for port in list(self.ports):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.request(method, path, body=body or None, headers=headers)
                answer = connection.getresponse()
                kept = {
                    name: value
                    for name, value in answer.getheaders()
                    if name.lower() in ("content-type", "retry-after", "location")
                }
                return answer.status, kept, answer.read()
            except OSError:
                if method != "GET":  # a second server is asked only where nothing was changed
                    break
            finally:
                connection.close()
        page = (ROOT / "deploy/proxy/maintenance.html").read_bytes()
        return 503, {"Content-Type": "text/html", "Retry-After": "120"}, page


def last_release() -> str:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    (version, *_older) = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.M)
    return str(version)


def release_before() -> str:
    """The commit that released the last version."""
    version = last_release()
    pattern = f"^Release {re.escape(version)}\\b"
    command = ["git", "log", "-1", "--format=%H", f"--grep={pattern}"]
    if not shutil.which("git"):
        pytest.skip("the release before is taken from git, which is not here")
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not (commit := found.stdout.strip()):
        pytest.skip(f"this checkout's history does not have the commit that released {version}")
    return commit


@dataclass
class Site:
    """Servers with their data, and two checkouts that run on them."""

    var: Path
    before: Path  # the checkout of the release before
    stack: ExitStack
    started: int = 0
    emails: dict[str, tuple[str, str]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        settings = {"DJANGO_SETTINGS_MODULE": "campus.settings.dev", "SECRET_KEY": ""}
        return environment(CAMPUS_VAR=str(self.var), BACKUP_TO="", **settings)

    def manage(self, checkout: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=checkout,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self, checkout: Path, port: int) -> Script:
        """A web server of that checkout, once it is ready."""
        self.started += 1
        web = platform_services(host="127.0.0.1", port=port, var=self.var)[0]
        _python, *command = web.command
        command[command.index("--workers") + 1] = "1"
        log = self.var.with_name(f"web-{self.started}.log")
        script = self.stack.enter_context(
            running(*command, log=log, env={**self.environment(), **web.env}, cwd=checkout)
        )

        def ready() -> bool:
            if script.process.poll() is not None:
                return True
            if not answers(f"http://127.0.0.1:{port}/healthz"):
                return False
            asked = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
            return asked.status_code in (200, 404)  # 0.2.0 has one page of its health

        assert wait_until(ready, timeout=READY_SECONDS), script.lines
        assert script.process.poll() is None, script.lines
        return script

    def said(self) -> str:
        """What the web servers said of errors."""
        logs = sorted(self.var.parent.glob("web-*.log"))
        return "\n".join(
            f"{log.name}: {line}"
            for log in logs
            for line in log.read_text().splitlines()
            if "INFO" not in line
        )

    def rows(self) -> dict[str, int]:
        """How many rows each table of ours has."""
        url = Layout(self.var).superuser_url.rpartition("/")[0] + "/campus"
        with psycopg.connect(url, autocommit=True) as connection:
            names = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity"
            ).fetchall()
            count = sql.SQL("SELECT count(*) FROM {}")
            return {
                name: connection.execute(count.format(sql.Identifier(name))).fetchall()[0][0]
                for (name,) in names
            }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The last release with the data of its own demo."""
    commit = release_before()
    before = tmp_path / "before"
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        extract(tar, before)
    with ExitStack() as stack:
        stack.enter_context(EmbeddedStack(Layout(tmp_path / "var"), postgres_options=FAST))
        site = Site(tmp_path / "var", before, stack)
        site.manage(before, "migrate", "--verbosity=0")
        said = site.manage(before, "load_demo")
        site.emails = {role.lower(): (email, word) for role, email, word in SAID.findall(said)}
        yield site


class Lecturer(threading.Thread):
    """Corrects one mark again and again; every answer is kept."""

    def __init__(self, url: str, headers: dict[str, str], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.api, self.headers, self.stopped = f"{url}/api/v1", headers, stop
        self.answers: list[tuple[int, bool]] = []
        self.last = ""
        self.session = self.student = 0
        self.code = ""
        completed = self.get("sessions?status=completed&page_size=100")["results"]
        for session in completed:  # old registers are locked
            self.session = session["id"]
            (row, *_rows) = self.get(f"sessions/{self.session}/board")["rows"]
            self.student, self.code = row["student_id"], row["code"]
            if self.mark("late").status_code == 200:
                return
        pytest.fail("the demo has no register that its lecturer may still correct")

    def mark(self, status: str) -> requests.Response:
        place = f"{self.api}/sessions/{self.session}/mark"
        body = {"student": self.student, "status": status, "reason": "drill"}
        answer = requests.post(place, json=body, headers=self.headers, timeout=60)
        if answer.status_code == 200:
            self.last = status
        return answer

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.api}/{path}", headers=self.headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self) -> None:
        turn = 0
        while not self.stopped.wait(0.2):
            turn += 1
            try:
                answer = self.mark(("late", "present")[turn % 2])
            except requests.RequestException:
                self.answers.append((0, False))
            else:
                self.answers.append((answer.status_code, "Retry-After" in answer.headers))

    def shown(self) -> str:
        rows = self.get(f"sessions/{self.session}/board")["rows"]
        (found,) = (row["status"] for row in rows if row["code"] == self.code)
        return str(found)


def goes_on_without_a_stop() -> bool:
    """Whether the changelog does not ask for the maintenance page, coming from the last release."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    return f"Upgrading from {last_release()} needs the maintenance page" not in changelog


@pytest.mark.slow
@pytest.mark.skipif("not goes_on_without_a_stop()", reason="the changelog asks for a stop")
def test_requests_go_on_while_the_version_changes(site: Site) -> None:
    """Migrated while the release before runs, then one web server after the other."""
    ports = [free_port(), free_port()]
    old = [site.serve(site.before, port) for port in ports]
    with Proxy() as proxy, ThreadPoolExecutor(1) as pool:
        proxy.ports = list(ports)
        email, word = site.emails["faculty"]
        headers = sign_in(proxy.url, email, word, CAMPUS)
        stop = threading.Event()
        lecturer = Lecturer(proxy.url, headers, stop)
        before = site.rows()
        lecturer.start()
        under_load = pool.submit(
            load, proxy.url, users=2, seconds=LONGEST, headers=headers, stop=stop, pages=PAGES
        )
        try:
            site.manage(ROOT, "migrate", "--verbosity=0")
            for number, port in enumerate(ports):
                proxy.ports = [other for other in ports if other != port]
                old[number].process.terminate()
                old[number].finish()
                site.serve(ROOT, port)
                proxy.ports = list(ports)
        finally:
            stop.set()
            lecturer.join()
        result = under_load.result()
        assert_no_errors(result, lecturer, site)
        assert result.announced == 0
        assert result.statuses[200] > 20
        assert lecturer.shown() == lecturer.last
        after = site.rows()
        assert {name: rows for name, rows in before.items() if after[name] < rows} == {}
    assert "The schema is complete." in site.manage(ROOT, "schema")
    assert site.manage(ROOT, "verify_audit").count("chain holds.") == 2  # campus and platform


@pytest.mark.slow
def test_where_all_stops_only_the_maintenance_page_is_shown(site: Site) -> None:
    """One web server: stopped, migrated, started; meanwhile everybody reads when to come back."""
    port = free_port()
    old = site.serve(site.before, port)
    with Proxy() as proxy, ThreadPoolExecutor(1) as pool:
        proxy.ports = [port]
        email, word = site.emails["faculty"]
        headers = sign_in(proxy.url, email, word, CAMPUS)
        stop = threading.Event()
        lecturer = Lecturer(proxy.url, headers, stop)
        lecturer.start()
        under_load = pool.submit(
            load, proxy.url, users=1, seconds=LONGEST, headers=headers, stop=stop, pages=PAGES
        )
        try:
            proxy.ports = []
            old.process.terminate()
            old.finish()
            site.manage(ROOT, "migrate", "--verbosity=0")
            site.serve(ROOT, port)
            proxy.ports = [port]
            assert wait_until(lambda: lecturer.answers[-1][0] == 200, timeout=READY_SECONDS)
        finally:
            stop.set()
            lecturer.join()
        result = under_load.result()
        assert_no_errors(result, lecturer, site)
        assert result.announced > 0
        assert lecturer.shown() == lecturer.last


def assert_no_errors(result: Result, lecturer: Lecturer, site: Site) -> None:
    """Of all answers, none is a server's error but an announced 503."""
    assert result.errors == 0, (result.statuses, site.said())
    assert set(result.statuses) <= {200, 404, 503}  # 404: pages that 0.2.0 did not have
    assert result.statuses[200] > 0
    assert set(lecturer.answers) <= {(200, False), (503, True)}, site.said()
    assert len(lecturer.answers) > 5
