"""Starting and stopping `manage.py up --demo`: seconds, and memory of the whole.

    python -m bench.start [--models DIR]

A first start in an empty folder, Ctrl-C, a later start in the same one, Ctrl-C. Ready is when `up`
says so. Memory is what the processes take together, shared pages counted once (PSS). Processor
seconds are those of all processes: on a machine that does other things, half of them is what two
quiet cores would need at least.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

AIMS = {"first start": 20.0, "later start": 8.0, "Ctrl-C": 5.0, "memory": 900.0}
LONGEST = 600.0
SETTLE_SECONDS = 20.0  # after it is ready, before memory is looked at
PORT = 8765


@dataclass
class Start:
    """Seconds by the clock and by the processors until ready; megabytes; seconds to stop."""

    seconds: float
    processor: float
    memory: float
    parent: float
    stop: float


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def processor_seconds(process: psutil.Process) -> float:
    total = 0.0
    for one in tree(process):
        with suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(process: psutil.Process) -> float:
    """In megabytes."""
    found = 0
    for one in tree(process):
        with suppress(psutil.Error):
            found += one.memory_full_info().pss
    return found / 1e6


def run_once(var: Path, models: str) -> Start:
    log = var.with_suffix(".log")
    env = {**os.environ, "CAMPUS_VAR": str(var), "PYTHONUNBUFFERED": "1"}
    env["DJANGO_SETTINGS_MODULE"] = "campus.settings.dev"
    if models:
        env["CAMPUS_MODELS_DIR"] = models
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        env.pop(name, None)
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo", "--no-phones", "--port", str(PORT)],
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    whole = psutil.Process(process.pid)
    while "Campus is ready at" not in log.read_text():
        if process.poll() is not None or time.monotonic() - began > LONGEST:
            raise SystemExit(log.read_text())
        time.sleep(0.05)
    seconds, processor = time.monotonic() - began, processor_seconds(whole)
    time.sleep(SETTLE_SECONDS)
    taken, parent = memory(whole), whole.memory_full_info().pss / 1e6
    stopping = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(LONGEST)
    return Start(seconds, processor, taken, parent, time.monotonic() - stopping)


def line(name: str, value: float, unit: str) -> str:
    aim = AIMS[re.sub(r" \(.*", "", name)]
    return f"{name:<24} {value:8.1f} {unit}   aim {aim:.0f}{'' if value <= aim else '   missed'}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="", help="a folder with the face models: not fetched")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="campus-start-"))
    try:
        first = run_once(folder / "var", given.models)
        later = run_once(folder / "var", given.models)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, start in (("first start", first), ("later start", later)):
        print(line(name, start.seconds, "s"), f"   {start.processor:.1f} s of processors")
    print(line("Ctrl-C (first)", first.stop, "s"))
    print(line("Ctrl-C (later)", later.stop, "s"))
    print(line("memory", later.memory, "MB"), f"   of it `up` itself {later.parent:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
