"""The table of all promises of speed: whether it is whole, never how fast this machine is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gate import BENCHES, PROMISES, rows, table, value_at
from tests.biometrics.conftest import models_dir as models_dir
from tests.ops.running import environment

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_is_measured_by_a_bench() -> None:
    assert {promise.bench for promise in PROMISES} == set(BENCHES)
    assert all((ROOT / "bench" / f"{name}.py").exists() for name in BENCHES)


def test_what_misses_is_named_and_what_failed_too() -> None:
    slow = {"mark": {"p95_ms": 26.0}, "correct": {"p95_ms": 39.0}, "undo": {"p95_ms": 40.0}}
    lines = table(rows({"marking": slow, "legacy": None}, before={"marking": slow})).splitlines()
    assert "| ≤ 25 ms | 26.00 | 26.00 | **missed** |" in lines[2]
    assert "| ≤ 40 ms | 39.00 | 39.00 | holds |" in lines[3]
    assert lines[-1].endswith("|  |  | failed |")


@pytest.mark.parametrize("name", [name for name, bench in BENCHES.items() if not bench.needs_faces])
def test_a_small_run_fills_its_part_of_the_table(
    name: str, tmp_path: Path, models_dir: Path
) -> None:
    figures = tmp_path / "figures.json"
    command = ["-m", "bench.gate", "--small", "--only", name, "--json", str(figures)]
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(CAMPUS_MODELS_DIR=str(models_dir)),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads(figures.read_text())
    assert kept["figures"].keys() == {name}
    assert kept["small"] is True
    assert kept["machine"]["cores"] >= 1
    for promise in PROMISES:
        if promise.bench == name:
            assert f"| {promise.row} | {promise.what} |" in done.stdout
            assert value_at(kept["figures"][name], promise.figure) > 0


# Starts each bench as its docstring says, without settings: what it needs of us it loads later.
STARTED = """
import contextlib, io, pathlib, runpy, sys
for path in sorted(pathlib.Path("bench").glob("*.py")):
    if "__main__" in path.read_text():
        sys.argv = [path.name, "--help"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            runpy.run_module(f"bench.{path.stem}", run_name="__main__")
        print(path.stem)
"""


def test_every_bench_says_how_it_is_called() -> None:
    env = environment()
    env.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(BENCHES) < set(done.stdout.split())
