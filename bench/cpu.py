"""CPU time per redeem and check-in, of this process and of PostgreSQL, beside the bare views.

    python -m bench.cpu [--students 250] [--rounds 4] [--profile redeem]

Requests go through the WSGI application in this very process, one after the other, in blocks that
take turns, and time is counted by the processes' own clocks: other work on the machine makes it
less exact, not wrong. `ordinary` is the same address with LEAN_LANE off. `--profile NAME` adds
where the time of that address goes.
"""

import argparse
import cProfile
import io
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.check_in import BASELINES, HOST, Hall, set_up

BLOCK = 25
Body = Callable[[], tuple[bytes, dict[str, str]]]


def environ(path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": HOST,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }


def postgres_seconds(folder: str) -> float:
    """CPU of the embedded PostgreSQL's processes so far."""
    import psutil

    total = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        try:
            command = " ".join(psutil.Process(process.ppid()).cmdline() + process.cmdline())
            if folder in command:
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.Error:
            continue
    return total


class Meter:
    """Sends blocks of requests and adds up what they cost."""

    def __init__(self, folder: str, profiled: str) -> None:
        from campus.wsgi import application

        self.application = application
        self.folder = folder
        self.profiled = profiled
        self.profile = cProfile.Profile(time.process_time)
        self.costs: dict[str, list[tuple[float, float]]] = {}

    def block(self, name: str, path: str, bodies: list[Body]) -> list[bytes]:
        """Milliseconds per request of this block go to `costs`; returns the answers."""
        environs = []
        for make in bodies:
            body, headers = make()
            environs.append(environ(path, body, headers))
        postgres, web = postgres_seconds(self.folder), time.process_time()
        profiled = name == self.profiled
        if profiled:
            self.profile.enable()
        answers = [self._call(one) for one in environs]
        if profiled:
            self.profile.disable()
        web = time.process_time() - web
        postgres = postgres_seconds(self.folder) - postgres
        each = 1000 / len(bodies)
        self.costs.setdefault(name, []).append((web * each, postgres * each))
        return answers

    def _call(self, one: dict[str, Any]) -> bytes:
        statuses: list[str] = []
        answer = self.application(one, lambda status, _headers, _exc=None: statuses.append(status))
        body = b"".join(answer)
        answer.close()
        if not statuses[0].startswith("2"):
            raise SystemExit(f"{one['PATH_INFO']}: {statuses[0]} {body.decode()[:500]}")
        return body


def play(meter: Meter, hall: Hall, students: int, *, lean: bool) -> None:
    """Every student redeems and checks in once, between blocks of the bare views."""
    from django.conf import settings
    from django.core.cache import cache

    cache.clear()  # limits are per minute
    settings.LEAN_LANE = lean
    suffix = "" if lean else " ordinary"
    session_id = hall.open()
    redeem_request = hall.redeem_request(session_id)
    for numbers in blocks(students):
        for name in BASELINES:
            meter.block(name, f"/bench/{name}", [lambda: (b"{}", {})] * len(numbers))
        answers = meter.block(
            f"redeem{suffix}",
            "/api/v1/check-in/redeem",
            [lambda n=n: (body_of(redeem_request(n)), hall.auth(n)) for n in numbers],
        )
        tickets = [json.loads(answer)["ticket"] for answer in answers]
        answers = meter.block(
            f"check_in{suffix}",
            "/api/v1/check-in",
            [
                lambda n=n, ticket=ticket: (hall.evidence(n, ticket), hall.auth(n))
                for n, ticket in zip(numbers, tickets, strict=True)
            ],
        )
        if {json.loads(answer)["outcome"] for answer in answers} != {"accepted"}:
            raise SystemExit("Not every check-in was accepted.")
    hall.close(session_id)


def blocks(students: int) -> Iterator[range]:
    for first in range(0, students, BLOCK):
        yield range(first, min(first + BLOCK, students))


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def report(meter: Meter) -> None:
    def middle(name: str) -> tuple[float, float]:
        web, postgres = zip(*meter.costs[name], strict=True)
        return statistics.median(web), statistics.fmean(postgres)  # counted in 10 ms: the mean

    plain = sum(middle("plain"))
    print(f"{'':18} {'web ms':>8} {'postgres ms':>12} {'plain / it':>11}")
    for name in sorted(meter.costs):
        web, postgres = middle(name)
        print(f"{name:18} {web:8.2f} {postgres:12.2f} {plain / (web + postgres):11.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=4, help="half of them with LEAN_LANE off")
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            hall = Hall(options.students)
            meter = Meter(folder, options.profile)
            play(meter, hall, min(options.students, 2 * BLOCK), lean=True)  # warm
            play(meter, hall, min(options.students, 2 * BLOCK), lean=False)
            meter.costs.clear()
            for number in range(options.rounds):
                play(meter, hall, options.students, lean=number % 2 == 0)
            report(meter)
            if options.profile:
                for order in ("tottime", "cumtime"):
                    pstats.Stats(meter.profile).sort_stats(order).print_stats(60)
        finally:
            stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
