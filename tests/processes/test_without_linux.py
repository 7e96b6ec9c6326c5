"""The supervisor and the embedded servers on systems that are not Linux.

What Linux alone offers is switched off in the processes under test: the kernel's signal to the
children of a killed process. Nothing in apps/processes reads /proc, and the last test keeps it so.
"""

import re
import signal
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from apps.ops import fleet
from apps.processes import spawning
from apps.processes.embedded import EmbeddedStack, Layout
from apps.processes.spawning import processes_of, wait_until
from tests.ops.running import DEADLINE, ROOT, gone, is_alive, running
from tests.processes.test_embedded import HOLDER, left_running
from tests.processes.test_supervisor import FAMILY, POLITE, SUPERVISE, family_of

ELSEWHERE = """
from apps.processes import spawning
spawning.KERNEL_ENDS_CHILDREN = False
"""
FAST = {"fsync": "off", "shared_buffers": "16MB"}


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    services = (f"family={FAMILY}", f"calm={POLITE}")
    with running("-c", ELSEWHERE + SUPERVISE, "20", *services, log=tmp_path / "log") as supervisor:
        parent, child = family_of(supervisor)
        supervisor.process.kill()
        supervisor.process.wait()
        assert gone(parent, child)


def test_a_killed_holder_leaves_no_server_and_the_data(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "var")
    with running("-c", ELSEWHERE + HOLDER, str(layout.var), log=tmp_path / "holder.log") as holder:
        holder.wait_for("holding")
        with psycopg.connect(layout.owner_url, autocommit=True) as connection:
            connection.execute("create table committed as select 1 as n")
        assert left_running(layout)
        holder.process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not left_running(layout), timeout=DEADLINE)

    with EmbeddedStack(layout, valkey=False, postgres_options=FAST):
        with psycopg.connect(layout.owner_url) as connection:
            assert connection.execute("select n from committed").fetchall() == [(1,)]
        log = layout.postgres_log.read_text()
        assert "received fast shutdown request" in log, "the guardian asked before it would kill"


def test_a_stop_dismisses_the_guardian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawning, "KERNEL_ENDS_CHILDREN", False)
    guardians = set(guardians_of_this_process())
    with EmbeddedStack(Layout(tmp_path / "var"), postgres=False):
        (guardian,) = set(guardians_of_this_process()) - guardians
        assert is_alive(guardian)
    assert gone(guardian)


def guardians_of_this_process() -> list[int]:
    children = psutil.Process().children()
    return [child.pid for child in children if "guardian.py" in " ".join(child.cmdline())]


def test_servers_are_found_by_where_they_work(tmp_path: Path) -> None:
    program = tmp_path / "with a space" / "server"
    program.parent.mkdir()
    program.symlink_to("/bin/sleep")
    with running(
        "-c",
        f"import os; os.chdir({str(program.parent)!r}); os.execv({str(program)!r}, ['x', '60'])",
        log=tmp_path / "log",
    ) as script:
        here = [script.process.pid]
        assert wait_until(
            lambda: processes_of(program.parent, program="server") == here, timeout=DEADLINE
        )
        assert processes_of(program.parent, program="other") == []
        assert processes_of(tmp_path, program="server") == []


def test_workers_may_fork_on_macos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    services = fleet.platform_services(host="127.0.0.1", port=8000, var=tmp_path)
    forking = {
        service.name: service.env for service in services if "--pool=prefork" in service.command
    }
    assert set(forking) == {"worker", "faces"}
    for env in forking.values():
        assert env["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] == "YES"


def test_only_the_launcher_makes_calls_that_linux_alone_has() -> None:
    linux_only = re.compile(r"/proc\b|prctl|unshare|pidfd|epoll|inotify|sched_setaffinity")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("ops", "processes")
        for path in (ROOT / "apps" / folder).rglob("*.py")
        if linux_only.search(path.read_text())
    }
    assert found == {"apps/processes/launch.py"}
