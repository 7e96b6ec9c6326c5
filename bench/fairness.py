"""What one campus's storm does to another campus on the same servers.

    python -m bench.fairness [--visits 8] [--seconds 8] [--rounds 3] [--json FILE]

Starts its own PostgreSQL (durable), Valkey and web server as `bench.check_in` does, with two
campuses. At the quiet one students come at a steady rate (bench/traffic.py: scan, evidence, two
reads); its p95 is measured alone, then while the other one storms: `storm` is ten times that rate,
of phones that come back when they are told to; `flat out` is 64 connections that ask as fast as
they are answered and never wait. Ratios are taken within a round, medians over the rounds.
Promise: a storm raises p95 of the quiet campus to 1.5 × at most. Measured with FAIR_BUSY=0.5 unless
that is set; FAIR_BUSY=0 measures without it.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

QUIET, STORMING = "bench.example", "north.example"
TIMES = 10  # the storm's rate, of the quiet campus's
CONNECTIONS = 64
BEFORE_SECONDS = 2.0  # of the quiet campus alone, not counted, before the storm begins
PAUSE_SECONDS = 4.0  # until the server has forgotten the phase before
MOST = 1.5


def codes(hall: Any, session_id: int, seconds: float) -> dict[int, str]:
    """What the projector of this session will show, by window."""
    from datetime import UTC, datetime

    from apps.qr_otp.selectors import shown_code
    from apps.tenants.scope import campus_scope
    from bench.traffic import CODE_SECONDS

    first = int(time.time() // CODE_SECONDS)
    found = {}
    with campus_scope(hall.campus):
        for window in range(first, first + int(seconds / CODE_SECONDS) + 2):
            now = datetime.fromtimestamp(window * CODE_SECONDS, tz=UTC)
            code = shown_code(purpose="check_in", subject=str(session_id), now=now)
            assert code is not None
            found[window] = code.token
    return found


def in_a_process(run: Callable[[], Coroutine[Any, Any, None]], traffic: Any) -> Any:
    """The storm has a processor's time of its own; it talks to nothing but the web server."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def child() -> None:
        asyncio.run(run())
        there.send((dict(traffic.statuses), traffic.begun, traffic.done))

    process = context.Process(target=child)
    process.start()
    return process, here


def play(
    quiet: Any, storming: Any, *, visits: float, seconds: float, storm: str = ""
) -> dict[str, Any]:
    """The quiet campus for so many seconds, alone or beside the other one's storm."""
    from bench.traffic import PATIENCE_SECONDS, Visits

    time.sleep(PAUSE_SECONDS)
    session_id = quiet.open()
    long = 2 * (BEFORE_SECONDS + seconds) + PATIENCE_SECONDS
    steady = Visits(quiet, codes(quiet, session_id, long))
    steady.traffic.counts_from = time.perf_counter() + BEFORE_SECONDS
    other_id = storming.open() if storm else 0
    if storm:
        crowd = Visits(storming, codes(storming, other_id, long), waits=storm == "storm")

        async def run() -> None:
            await asyncio.sleep(BEFORE_SECONDS)
            if storm == "storm":
                await crowd.at_rate(TIMES * visits, seconds)
            else:
                await crowd.at_once(CONNECTIONS, seconds)

        process, pipe = in_a_process(run, crowd.traffic)
    asyncio.run(steady.at_rate(visits, BEFORE_SECONDS + seconds))
    found = figures(steady.traffic)
    if storm:
        statuses, begun, done = pipe.recv()
        process.join()
        found["other"] = {"statuses": statuses, "begun": begun, "done": done}
        storming.close(other_id)
    quiet.close(session_id)
    if set(steady.traffic.statuses) - {200, 201, 503}:
        raise SystemExit(f"The quiet campus was answered {dict(steady.traffic.statuses)}.")
    return found


def play_round(quiet: Any, storming: Any, **rate: float) -> dict[str, dict[str, Any]]:
    play(quiet, storming, **rate)  # warms up
    return {
        "alone": play(quiet, storming, **rate),
        **{storm: play(quiet, storming, **rate, storm=storm) for storm in ("storm", "flat out")},
    }


def figures(traffic: Any) -> dict[str, Any]:
    return {
        "p50_ms": traffic.percentile(0.5),
        "p95_ms": traffic.percentile(0.95),
        "p95_ms_of": {kind: traffic.percentile(0.95, kind) for kind in sorted(traffic.latencies)},
        "statuses": dict(traffic.statuses),
        "done": traffic.done / traffic.begun,
    }


def report(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Medians, and what the storming campus was answered over all rounds."""
    result: dict[str, Any] = {"load": os.getloadavg()[0]}
    print(f"{'quiet campus':14} {'p50 ms':>8} {'p95 ms':>8} {'× alone':>8}  the other one")
    for name in rounds[0]:
        p50, p95 = (statistics.median(r[name][key] for r in rounds) for key in ("p50_ms", "p95_ms"))
        ratio = statistics.median(r[name]["p95_ms"] / r["alone"]["p95_ms"] for r in rounds)
        result[name] = {"p50_ms": p50, "p95_ms": p95, "ratio": ratio}
        result[name]["rounds"] = [r[name] for r in rounds]
        print(f"{name:14} {p50:8.1f} {p95:8.1f} {ratio:8.2f}  {said(rounds, name)}")
    return result


def said(rounds: list[dict[str, dict[str, Any]]], name: str) -> str:
    others = [r[name]["other"] for r in rounds if "other" in r[name]]
    if not others:
        return ""
    statuses: dict[int, int] = {}
    for other in others:
        for status, number in other["statuses"].items():
            statuses[status] = statuses.get(status, 0) + number
    begun, done = (sum(other[key] for other in others) for key in ("begun", "done"))
    answers = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    return f"{answers}; {done} of {begun} visits done"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=float, default=8.0, help="of the quiet campus, a second")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout
    from bench.check_in import Hall, set_up, web_server

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            os.environ.setdefault("FAIR_BUSY", "0.5")
            set_up(Path(folder))
            visits, seconds = options.visits, options.seconds
            quiet = Hall(max(int(visits * (BEFORE_SECONDS + seconds)), 2))
            crowd = max(int(TIMES * visits * seconds), CONNECTIONS)
            storming = Hall(crowd, slug="north", host=STORMING)
            with web_server():
                rounds = [
                    play_round(quiet, storming, visits=visits, seconds=seconds)
                    for _ in range(options.rounds)
                ]
        finally:
            stack.stop()
    result = report(rounds)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    broken = result["storm"]["ratio"] > MOST
    if broken:
        print("storm: the promise is not held")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
