"""The pages and addresses of the API that people read most, at the size of a campus.

    python -m bench.pages [--marks 1440000] [--rounds 40] [--json FILE]

Fills a campus (bench/many_rows.py; the default is 4,000 students × 6 courses × 60 sessions) and
sends each request one after the other through Django's own client, in this process: no network, no
web server. The table gives statements, median and p95 in ms. At p95 a page may take 100 ms, an
address of the API 50 ms. An empty answer (`/healthz`) is the floor.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLOOR = "/healthz"
DAYS = 60  # sessions of each course
MOST_MS = {"page": 100.0, "api": 50.0}  # at p95


def kind(name: str) -> str:
    return "api" if name.startswith("/api/") else "page"


def measure(layout: Any, marks: int, rounds: int) -> dict[str, dict[str, float]]:
    import psycopg
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from bench.many_rows import ENROLMENTS, Size
    from bench.requests import Requests
    from tests.factories import make_cast

    size = Size(students=max(marks // (ENROLMENTS * DAYS), 1), days=DAYS)
    requests = Requests(make_cast("north"))
    facts = {"host": str(layout.socket_directory), "user": "postgres"}
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(**facts, dbname=name, autocommit=True) as root:
        requests.fill(root, size)
    requests.open()
    client = Client(headers={"host": requests.cast.host})
    sends: dict[str, Callable[[], object]] = {FLOOR: lambda: client.get(FLOOR)}
    sends |= {name: send for name, send in requests.all().items() if name.startswith("/")}
    found: dict[str, dict[str, float]] = {}
    for name, send in sends.items():
        send()  # warms up
        with CaptureQueriesContext(connection) as asked:
            send()
        found[name] = {"statements": len(asked), **timed(send, rounds)}
    return found


def timed(send: Callable[[], object], rounds: int) -> dict[str, float]:
    """Median and p95 of the clock, and the median of this process's own time, in ms."""
    taken, own = [], []
    for _round in range(rounds):
        started, spent = time.perf_counter(), time.process_time()
        send()
        taken.append(1000 * (time.perf_counter() - started))
        own.append(1000 * (time.process_time() - spent))
    return {
        "p50_ms": statistics.median(taken),
        "p95_ms": statistics.quantiles(taken, n=20, method="inclusive")[-1],
        "own_ms": statistics.median(own),
    }


def report(found: dict[str, dict[str, float]]) -> None:
    print(f"{'':44} {'statements':>10} {'p50 ms':>8} {'p95 ms':>8} {'own ms':>8}")
    for name, row in sorted(found.items(), key=lambda one: -one[1]["p95_ms"]):
        print(
            f"{name:44} {row['statements']:10.0f} {row['p50_ms']:8.1f} {row['p95_ms']:8.1f} "
            f"{row['own_ms']:8.1f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--marks", type=int, default=1_440_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        layout = Layout(Path(folder))
        with EmbeddedStack(layout):
            from bench.check_in import set_up

            set_up(Path(folder))
            found = measure(layout, options.marks, options.rounds)
    report(found)
    slowest = {
        of: max(row["p95_ms"] for name, row in found.items() if kind(name) == of) for of in MOST_MS
    }
    if options.json:
        body = {"load": os.getloadavg()[0], "slowest": slowest, "requests": found}
        options.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return int(any(slowest[of] > most for of, most in MOST_MS.items()))


if __name__ == "__main__":
    sys.exit(main())
