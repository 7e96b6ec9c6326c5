"""Every promise of speed in one table: what was measured, what was promised, whether it holds.

    python -m bench.gate [--small] [--only NAME …] [--json FILE] [--against FILE]

Runs the other benches one after the other, each in a process and on servers of its own, at full
size: about an hour on two cores that do nothing else. `--small` takes minutes and says whether the
benches work, not whether the promises hold. `--json` keeps the figures, `--against` compares with
those of an earlier run. Exit code 1: a promise is broken or a bench failed; never with `--small`,
unless a bench failed. Promises are rows of the requirements, or this project's own ("own").
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True)
class Bench:
    """`full` and `small`: arguments. `needs_faces`: labelled photos, not part of the project."""

    small: tuple[str, ...]
    full: tuple[str, ...] = ()
    needs_faces: bool = False


@dataclass(frozen=True)
class Promise:
    """`figure`: where the number stands in the JSON of the bench. `at_least`: more is better."""

    row: str
    what: str
    bench: str
    figure: tuple[str, ...]
    limit: float
    unit: str
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


BENCHES: Final = {
    "check_in": Bench(small=("--students", "40", "--rounds", "1")),
    "fairness": Bench(small=("--visits", "3", "--seconds", "2", "--rounds", "1")),
    "marking": Bench(small=("--rounds", "2")),
    "imports": Bench(small=("--rows", "100", "--rounds", "1")),
    "search": Bench(small=("--students", "500", "--rounds", "1")),
    "reports": Bench(small=("--students", "120", "--requests", "20")),
    "pages": Bench(small=("--marks", "20000", "--rounds", "3")),
    "notifications": Bench(small=("--people", "200", "--rounds", "1")),
    "face_search": Bench(small=("--campus", "100", "--rounds", "20")),
    "settle": Bench(small=("--people", "5", "--rounds", "1"), needs_faces=True),
    "faces": Bench(small=("--people", "5"), needs_faces=True),
    "legacy": Bench(small=("--students", "50", "--sessions", "10")),
}
PROMISES: Final = (
    Promise(
        "PGF-28",
        "redeem, × a plain view",
        "check_in",
        ("redeem", "ratios", "plain"),
        0.95,
        "×",
        True,
    ),
    Promise(
        "PGF-28",
        "check-in, × a plain view",
        "check_in",
        ("check_in", "ratios", "plain"),
        0.5,
        "×",
        True,
    ),
    Promise("PGF-28", "redeem of 64 at once, p95", "check_in", ("redeem", "p95_ms"), 80, "ms"),
    Promise("PGF-28", "check-in of 64 at once, p95", "check_in", ("check_in", "p95_ms"), 80, "ms"),
    Promise(
        "AMS-57", "p95 beside another's storm, × alone", "fairness", ("storm", "ratio"), 1.5, "×"
    ),
    Promise("AMS-62", "marking 150 students, p95", "marking", ("mark", "p95_ms"), 25, "ms"),
    Promise("own", "correcting 150 marks, p95", "marking", ("correct", "p95_ms"), 40, "ms"),
    Promise("own", "undoing 150 marks, p95", "marking", ("undo", "p95_ms"), 40, "ms"),
    Promise(
        "AMS-60", "import of 4,000 students", "imports", ("4000 students", "import_s"), 0.4, "s"
    ),
    Promise("AMS-61", "import of 500 subjects", "imports", ("500 subjects", "import_s"), 0.1, "s"),
    Promise(
        "PGF-26", "search among 10,000 students, p95", "search", ("students", "p95_ms"), 20, "ms"
    ),
    Promise("PGF-27", "semester of a course, p95", "reports", ("course", "p95"), 25, "ms"),
    Promise("PGF-27", "report of a student, p95", "reports", ("student", "p95"), 10, "ms"),
    Promise("PGF-27", "defaulters, p95", "reports", ("defaulters", "p95"), 60, "ms"),
    Promise("AMS-58", "slowest page, p95", "pages", ("slowest", "page"), 100, "ms"),
    Promise("AMS-58", "slowest address of the API, p95", "pages", ("slowest", "api"), 50, "ms"),
    Promise(
        "AMS-63",
        "start page of a lecturer, p95",
        "pages",
        ("requests", "/teach/", "p95_ms"),
        30,
        "ms",
    ),
    Promise("AMS-64", "a week, p95", "pages", ("requests", "/week/", "p95_ms"), 20, "ms"),
    Promise("own", "notifying 4,000 people", "notifications", ("notify_s",), 1.0, "s"),
    Promise("own", "pushes, × a bare client", "notifications", ("ratio",), 0.5, "×", True),
    Promise(
        "PGF-24",
        "one face in a roster of 60, p95",
        "face_search",
        ("one face, roster", "p95_ms"),
        2,
        "ms",
    ),
    Promise(
        "PGF-25",
        "ten faces in a roster of 60, p95",
        "face_search",
        ("photo of 10, roster", "p95_ms"),
        25,
        "ms",
    ),
    Promise("PGF-29", "a selfie settled, × the bare engine", "settle", ("ratio",), 1.2, "×"),
    Promise("PGF-24", "a face, × the bare engine", "faces", ("time_ratio",), 1.2, "×"),
    Promise("X-24", "0.5 million marks of AMS", "legacy", ("ams", "first_seconds"), 60, "s"),
    Promise("X-24", "0.5 million marks of SIS", "legacy", ("sis", "first_seconds"), 60, "s"),
)


def figures_of(name: str, *, small: bool) -> dict[str, Any] | None:
    """What the bench measured; None if it failed. Its own exit code, a promise, is not asked."""
    bench = BENCHES[name]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "figures.json"
        arguments = bench.small if small else bench.full
        command = [sys.executable, "-m", f"bench.{name}", *arguments, "--json", str(found)]
        print(f"\n== {' '.join(command[1:-2])}", flush=True)
        subprocess.run(command, check=False)
        return json.loads(found.read_text()) if found.exists() else None


def value_at(figures: dict[str, Any], path: tuple[str, ...]) -> float:
    return float(reduce(lambda place, key: place[key], path, figures))


def machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "processor": platform.machine(),
    }


def rows(
    found: dict[str, dict[str, Any] | None], before: dict[str, Any]
) -> list[tuple[Promise, float | None, float | None]]:
    """Each promise of the benches that ran, what is measured now, and what was before."""
    result = []
    for promise in PROMISES:
        if promise.bench in found:
            now, earlier = found[promise.bench], before.get(promise.bench)
            result.append(
                (
                    promise,
                    value_at(now, promise.figure) if now else None,
                    value_at(earlier, promise.figure) if earlier else None,
                )
            )
    return result


def table(results: list[tuple[Promise, float | None, float | None]]) -> str:
    """In Markdown, for docs/performance.md."""
    lines = ["| Row | Promise | Limit | Measured | Before | |", "|---|---|---:|---:|---:|---|"]
    for promise, now, before in results:
        sign = "≥" if promise.at_least else "≤"
        held = "failed" if now is None else "holds" if promise.holds(now) else "**missed**"
        shown = ["" if value is None else f"{value:.2f}" for value in (now, before)]
        lines.append(
            f"| {promise.row} | {promise.what} | {sign} {promise.limit:g} {promise.unit} "
            f"| {shown[0]} | {shown[1]} | {held} |"
        )
    return "\n".join(lines)


def wanted(only: list[str], faces: Path) -> list[str]:
    names = only or list(BENCHES)
    left_out = [name for name in names if BENCHES[name].needs_faces and not faces.is_dir()]
    if left_out:
        print(f"Left out, for want of photos in {faces}: {', '.join(left_out)}.")
    return [name for name in names if name not in left_out]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=[], metavar="NAME")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    faces = Path(os.environ.get("CAMPUS_FACES", root.parent / "shared" / "faces" / "lfw"))
    before = json.loads(options.against.read_text())["figures"] if options.against else {}
    found = {name: figures_of(name, small=options.small) for name in wanted(options.only, faces)}
    results = rows(found, before)
    print(f"\n{machine()}\n\n{table(results)}")
    if options.json:
        body = {"machine": machine(), "small": options.small, "figures": found}
        options.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    failed = any(figures is None for figures in found.values())
    broken = any(now is not None and not promise.holds(now) for promise, now, _before in results)
    return int(failed or (broken and not options.small))


if __name__ == "__main__":
    sys.exit(main())
