"""The supervisor, with real children."""

import io
import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from apps.processes.guardian import read_groups
from apps.processes.output import PrefixedOutput, wants_colour
from apps.processes.supervisor import Backoff
from tests.ops.running import Script, gone, is_alive, running

# Runs the services given as `name=program` with a supervisor that waits little. Each is stopped
# in a stage of its own, but those called `same…` at once.
SUPERVISE = """
import sys
from apps.processes.output import PrefixedOutput
from apps.processes.supervisor import Backoff, Service, Supervisor
grace, *pairs = sys.argv[1:]
services = [
    Service(
        name=name,
        command=[sys.executable, "-c", program],
        grace=float(grace),
        stage=-1 if name.startswith("same") else number,
    )
    for number, (name, program) in enumerate(pair.split("=", 1) for pair in pairs)
]
output = PrefixedOutput(sys.stdout, names=["up", *(s.name for s in services)])
Supervisor(services, output=output, backoff=Backoff(first=0.05, longest=0.1)).run()
"""
POLITE = """
import signal, sys
def bye(*_): print("bye"); sys.exit()
signal.signal(signal.SIGTERM, bye)
print("here")
while True: signal.pause()
"""
STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", os.getpid())
while True: signal.pause()
"""
# Has a child of its own; both ignore SIGTERM.
FAMILY = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
parent = os.getpid()
if os.fork() == 0: print("family", parent, os.getpid(), flush=True)
while True: signal.pause()
"""
# Ends when it was asked to, and the file is there that another one leaves when it is asked.
PATIENT = """
import pathlib, signal, time
mine, others = pathlib.Path({mine!r}), pathlib.Path({others!r})
signal.signal(signal.SIGTERM, lambda *_: mine.touch())
print("here")
while not (mine.exists() and others.exists()): time.sleep(0.01)
print("bye")
"""
CRASHING = "import os, sys; print('started'); sys.stdout.write('no end'); sys.exit(3)"


Running = AbstractContextManager[Script]


def supervised(*services: str, log: Path, grace: float = 20.0) -> Running:
    return running("-c", SUPERVISE, str(grace), *services, log=log)


def family_of(script: Script) -> tuple[int, int]:
    script.wait_for("family")
    (line,) = [line for line in script.lines if "family" in line]
    parent, child = line.split()[-2:]
    return int(parent), int(child)


def test_a_crashed_child_is_started_again(tmp_path: Path) -> None:
    with supervised(f"crash={CRASHING}", f"calm={POLITE}", log=tmp_path / "log") as script:
        script.wait_for("crash | started", times=3)
        script.wait_for("up    | crash ended (code 3); again in 0.1 s.")
        assert sum("calm  | here" in line for line in script.lines) == 1
        assert "crash | no end" in script.lines, "the last words come without a line end"


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    with supervised(f"victim={STUBBORN}", log=tmp_path / "log") as script:
        script.wait_for("here")
        os.kill(int(script.lines[0].split()[-1]), signal.SIGKILL)
        script.wait_for("victim ended (SIGKILL)")
        script.wait_for("here", times=2)


def test_what_a_crashed_child_started_goes_with_it(tmp_path: Path) -> None:
    with supervised(f"family={FAMILY}", log=tmp_path / "log") as script:
        parent, child = family_of(script)
        os.kill(parent, signal.SIGKILL)
        assert gone(parent, child)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_order(tmp_path: Path, signum: signal.Signals) -> None:
    names = ["one", "two", "three"]
    with supervised(*(f"{n}={POLITE}" for n in names), log=tmp_path / "log") as script:
        script.wait_for("here", times=3)
        script.process.send_signal(signum)
        assert script.finish() == 0
        stopped = [line.split()[0] for line in script.lines if line.endswith("| bye")]
        assert stopped == names


def test_a_child_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    with supervised(f"family={FAMILY}", log=tmp_path / "log", grace=0.2) as script:
        parent, child = family_of(script)
        script.process.terminate()
        assert script.finish() == 0
        assert gone(parent, child)
        assert "up     | family is killed: it did not stop." in script.lines


def test_services_of_one_stage_are_asked_at_once(tmp_path: Path) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    services = (
        f"same1={PATIENT.format(mine=one, others=two)}",
        f"same2={PATIENT.format(mine=two, others=one)}",
    )
    with supervised(*services, log=tmp_path / "log", grace=3600) as script:
        script.wait_for("here", times=2)
        script.process.terminate()
        assert script.finish() == 0
        assert sum(line.endswith("| bye") for line in script.lines) == 2


def test_a_second_signal_forces(tmp_path: Path) -> None:
    with supervised(f"family={FAMILY}", log=tmp_path / "log", grace=3600) as script:
        parent, child = family_of(script)
        script.process.send_signal(signal.SIGINT)
        script.wait_for("Press Ctrl-C again to force.")
        assert is_alive(parent)
        script.process.send_signal(signal.SIGINT)
        assert script.finish() == 0
        assert gone(parent, child)


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    with supervised(f"family={FAMILY}", f"calm={POLITE}", log=tmp_path / "log") as script:
        parent, child = family_of(script)
        script.process.kill()
        script.process.wait()
        assert gone(parent, child)


def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    code = SUPERVISE.replace('[sys.executable, "-c", program]', "[program]")
    with running("-c", code, "1", "lost=/no/such/program", log=tmp_path / "log") as script:
        script.wait_for("lost | launch: cannot run /no/such/program: No such file or directory")


def test_waiting_doubles_up_to_a_limit() -> None:
    backoff = Backoff(first=0.5, longest=30.0)
    assert [backoff.delay(crashes) for crashes in (1, 2, 3, 7, 1000)] == [0.5, 1, 2, 30, 30]


def test_names_are_aligned_and_coloured_only_when_wanted() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    PrefixedOutput(plain, names=["web", "worker"]).line("web", "ready")
    PrefixedOutput(coloured, names=["web", "worker"], colour=True).line("web", "ready")
    assert plain.getvalue() == "web    | ready\n"
    assert coloured.getvalue() == "\x1b[36mweb    |\x1b[0m ready\n"


def test_colour_is_for_terminals_that_did_not_opt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())


def test_the_guardian_ends_only_groups_that_are_left() -> None:
    assert read_groups(["+12 15\n", "+7 2\n", "-12\n"]) == {7: signal.SIGINT}
