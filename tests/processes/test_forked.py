"""Services that are forked from a process in which the platform is loaded, as `up` runs them."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from apps.processes.spawning import LINUX, wait_until
from tests.ops.running import DEADLINE, environment, gone, is_alive, running

pytestmark = pytest.mark.skipif(not LINUX, reason="elsewhere services are spawned")

SUPERVISE = """
import sys
from apps.processes.forked import start_fork_server
from apps.processes.output import PrefixedOutput
from apps.processes.supervisor import Backoff, Service, Supervisor
sys.path.insert(0, sys.argv[1])
start_fork_server()
services = [
    Service(name=name, command=[sys.executable, "-m", name], env={"PUBLIC_PORT": port}, grace=20)
    for name, port in (pair.split("=") for pair in sys.argv[2:])
]
output = PrefixedOutput(sys.stdout, names=["up", *(s.name for s in services)])
Supervisor(services, output=output, backoff=Backoff(first=0.05, longest=0.1)).run()
"""
SHOP = """
import os, signal, sys
from django.conf import settings
print("port", settings.PUBLIC_PORT, "pid", os.getpid(), "loaded", "granian.cli" in sys.modules)
print("argument", *sys.argv[1:], file=sys.stderr)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True: signal.pause()
"""
# Goes on when nobody reads what it says.
QUIET = """
import contextlib, os, signal
with contextlib.suppress(BrokenPipeError): os.write(1, b"open")
while True: signal.pause()
"""
# Starts one, tells no guardian, and is killed: while the fork begins, or when it is open.
TELL_NOBODY = """
import os, signal, sys
from apps.processes.forked import fork, start_fork_server
sys.path.insert(0, sys.argv[1])
start_fork_server()
quiet = fork([sys.executable, "-m", "quiet"], env=dict(os.environ), cwd=None)
print(type(quiet).__name__, quiet.pid, flush=True)
if sys.argv[2] == "open":
    assert os.read(quiet.stdout.fileno(), 10) == b"open"
os.kill(os.getpid(), signal.SIGKILL)
"""
CRASH = "raise SystemExit('out of paper')"


@pytest.fixture
def programs(tmp_path: Path) -> str:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "shop.py").write_text(SHOP)
    (folder / "kiosk.py").write_text(SHOP)
    (folder / "quiet.py").write_text(QUIET)
    (folder / "crash.py").write_text(CRASH)
    return str(folder)


def pid_of(lines: list[str], name: str) -> int:
    said = [line for line in lines if line.startswith(name) and " pid " in line]
    return int(said[-1].split(" pid ")[1].split()[0])


def test_services_share_what_is_loaded_and_each_has_its_settings(
    tmp_path: Path, programs: str
) -> None:
    arguments = ("-c", SUPERVISE, programs, "shop=1234", "kiosk=4321")
    with running(*arguments, log=tmp_path / "log", env=environment()) as script:
        script.wait_for("port 1234")
        script.wait_for("port 4321")
        assert sum("loaded True" in line for line in script.lines) == 2
        shop, kiosk = pid_of(script.lines, "shop"), pid_of(script.lines, "kiosk")
        assert os.getsid(shop) == shop != kiosk == os.getsid(kiosk)
        assert psutil.Process(shop).ppid() == psutil.Process(kiosk).ppid()
        script.process.terminate()
        assert script.finish() == 0
        assert gone(shop, kiosk)
        assert not any("killed" in line for line in script.lines)


def test_what_a_service_fails_with_is_shown_and_it_starts_again(
    tmp_path: Path, programs: str
) -> None:
    arguments = ("-c", SUPERVISE, programs, "crash=1")
    with running(*arguments, log=tmp_path / "log", env=environment()) as script:
        script.wait_for("crash | out of paper", times=2)
        script.wait_for("up    | crash ended (code 1)")


def test_a_killed_fork_server_ends_its_services_and_they_start_again(
    tmp_path: Path, programs: str
) -> None:
    arguments = ("-c", SUPERVISE, programs, "shop=1234")
    with running(*arguments, log=tmp_path / "log", env=environment()) as script:
        script.wait_for("port 1234")
        first = pid_of(script.lines, "shop")
        psutil.Process(first).parent().kill()  # type: ignore[union-attr]
        assert gone(first)
        script.wait_for("port 1234", times=2)
        assert is_alive(pid_of(script.lines, "shop"))


def test_a_killed_supervisor_leaves_neither_services_nor_fork_server(
    tmp_path: Path, programs: str
) -> None:
    arguments = ("-c", SUPERVISE, programs, "shop=1234")
    with running(*arguments, log=tmp_path / "log", env=environment()) as script:
        script.wait_for("port 1234")
        shop = pid_of(script.lines, "shop")
        server = psutil.Process(shop).ppid()
        script.process.send_signal(signal.SIGKILL)
        script.process.wait()
        assert gone(shop)
        assert wait_until(lambda: not psutil.pid_exists(server), timeout=DEADLINE)


@pytest.mark.parametrize("when", ["beginning", "open"])
def test_a_fork_that_no_guardian_knows_ends_with_who_started_it(
    tmp_path: Path, programs: str, when: str
) -> None:
    log = tmp_path / "log"
    with running("-c", TELL_NOBODY, programs, when, log=log, env=environment()) as script:
        assert script.finish() == -signal.SIGKILL
        kind, pid = script.lines[-1].split()
        assert kind == "Forked"
        assert gone(int(pid))


def test_a_program_that_is_no_module_is_spawned(tmp_path: Path) -> None:
    program = """
import sys
from apps.processes.forked import fork
process = fork([sys.executable, "-c", "print('spawned')"], env={}, cwd=None)
print(type(process).__name__, process.stdout.read(), process.wait())
"""
    with running("-c", program, log=tmp_path / "log") as script:
        assert script.finish() == 0
        assert script.lines == ["Popen b'spawned\\n' 0"], sys.platform
