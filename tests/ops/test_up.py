"""`manage.py up`, as a person at a terminal sees it."""

import re
import signal
import socket
import threading
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from apps.ops.bringup import answers
from apps.processes.embedded import Layout
from apps.processes.spawning import wait_until
from tests.ops.running import DEADLINE, Script, environment, running
from tests.processes.test_embedded import left_running, query


def up(*arguments: str, var: Path, **env: str) -> AbstractContextManager[Script]:
    return running(
        "manage.py",
        "up",
        *arguments,
        log=var.with_suffix(".log"),
        env=environment(CAMPUS_VAR=str(var), DJANGO_SETTINGS_MODULE="campus.settings.dev", **env),
    )


def test_the_services_alone_run_until_ctrl_c_and_start_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    for statement in ("create table kept as select 7 as n", "select n from kept"):
        with up("--services-only", var=layout.var) as script:
            script.wait_for("Ready.")
            assert f"up     | DATABASE_URL={layout.app_url}" in script.lines
            assert f"up     | REDIS_URL={layout.redis_url}" in script.lines
            query(layout.owner_url, statement)
            script.process.send_signal(signal.SIGINT)
            assert script.finish() == 0
        assert not left_running(layout)


def test_after_a_kill_the_next_start_works(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    with up("--services-only", var=layout.var) as script:
        script.wait_for("Ready.")
        script.process.kill()
        script.process.wait()
    with up("--services-only", var=layout.var) as script:
        script.wait_for("Ready.")
        script.process.send_signal(signal.SIGTERM)
        assert script.finish() == 0
    assert wait_until(lambda: not left_running(layout), timeout=DEADLINE)


def test_only_the_missing_server_is_started(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    urls = {"DATABASE_URL": layout.app_url, "DATABASE_OWNER_URL": layout.owner_url}
    with up("--services-only", var=layout.var, **urls) as script:
        script.wait_for("Ready.")
        assert not layout.postgres_data.exists()
        assert any("REDIS_URL=" in line for line in script.lines)
        assert not any("DATABASE_URL=" in line for line in script.lines)


def test_a_second_up_is_told_that_one_runs(tmp_path: Path) -> None:
    var = tmp_path / "var"
    with up("--services-only", var=var) as first:
        first.wait_for("Ready.")
        with running(
            "manage.py",
            "up",
            "--services-only",
            log=tmp_path / "second.log",
            env=environment(CAMPUS_VAR=str(var), DJANGO_SETTINGS_MODULE="campus.settings.dev"),
        ) as second:
            assert second.finish() == 1
            assert f"is already running (process {first.process.pid})" in second.lines[-1]


def test_an_address_of_another_machine_is_an_error_that_names_the_way_out(tmp_path: Path) -> None:
    with up("--host", "203.0.113.1", "--port", "8000", var=tmp_path / "var") as script:
        assert script.finish() == 1
        (line,) = script.lines
        assert "Cannot listen on 203.0.113.1:8000" in line
        assert "--port" in line
    assert not (tmp_path / "var" / "postgres").exists()


@pytest.mark.slow
def test_an_empty_installation_with_servers_of_others_and_a_taken_port(tmp_path: Path) -> None:
    """The next port is taken and said, the folder is made, and the link sets it up."""
    layout, var = Layout(tmp_path / "servers"), tmp_path / "new" / "var"
    keys = {"SECRET_KEY": "s" * 60, "CAMPUS_MASTER_KEY": "0123456789abcdef" * 4, "BACKUP_KEY": ""}
    keys["CAMPUS_MODELS_DIR"] = str(tmp_path / "models")
    with up("--services-only", var=layout.var) as servers:
        servers.wait_for("Ready.")
        urls = {
            "DATABASE_URL": layout.app_url,
            "DATABASE_OWNER_URL": layout.owner_url,
            "REDIS_URL": layout.redis_url,
        }
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            var.parent.mkdir()
            with up("--port", str(port), var=var, **urls, **keys) as script:
                assert wait_until(
                    lambda: any("For another link" in line for line in script.lines), timeout=300
                ), script.lines
                text = "\n".join(script.lines)
                assert f"Port {port} is taken" in text
                (link,) = re.findall(r"http://localhost:\d+/set-up/\S+", text)
                assert f":{port}/" not in link
                page = requests.get(link, timeout=20)
                assert page.status_code == 200
                assert "<h1>Set up Campus</h1>" in page.text
                assert wait_until(lambda: any(var.glob("celerybeat-schedule*")), timeout=DEADLINE)
                assert not [line for line in script.lines if "beat" in line and "again" in line]
                script.process.send_signal(signal.SIGINT)
                assert script.finish() == 0


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"DATABASE_URL": "postgresql://a@b/c"}, "DATABASE_OWNER_URL"),
        (
            {
                "DATABASE_URL": "postgresql://a@b/c",
                "DATABASE_OWNER_URL": "postgresql://o@b/c",
                "REDIS_URL": "redis://b/0",
            },
            "no embedded server to start",
        ),
    ],
)
def test_addresses_that_make_no_sense_are_explained(
    tmp_path: Path, env: dict[str, str], message: str
) -> None:
    with up("--services-only", var=tmp_path / "var", **env) as script:
        assert script.finish() == 1
        assert message in script.lines[-1]


@pytest.mark.parametrize(("status", "ready"), [(200, True), (404, True), (500, False)])
def test_a_server_error_is_not_announced_as_ready(status: int, ready: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert answers(f"http://127.0.0.1:{server.server_port}/healthz") is ready


def test_nobody_listening_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not answers(f"http://127.0.0.1:{port}/healthz")
