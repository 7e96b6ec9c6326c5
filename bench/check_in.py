"""Redeem and check-in per second at 64 connections, against one committed insert.

    python -m bench.check_in [--students 2000] [--rounds 3] [--json FILE]

Starts its own PostgreSQL (durable), Valkey and web server (granian, 2 workers × 2 threads) in a
temporary folder. Each round measures the baselines, redeem and check-in one after the other; the
table gives medians over the rounds and the ratios to the same round's baselines: a plain Django
view and a REST framework view, each with one committed insert, and the plainest possible "mark
attendance" (bench/urls.py). Promises, against the plain view: redeem ≥ 0.95 ×, check-in ≥ 0.5 ×,
95 of 100 answers within 80 ms.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOST = "bench.example"
PORT = 18_765
BASELINES = ("plain", "rest", "mark")
MARKED = 1000  # students in the class of the plainest "mark attendance"
# Of the plain view's rate in the same round.
PROMISES = {"redeem": 0.95, "check_in": 0.5}
MOST_P95_MS = 80


def set_up(var: Path) -> None:
    """Django on fresh embedded servers, migrated, with the baseline's table."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="bench.settings",
        CAMPUS_VAR=str(var),
        DJANGO_ALLOW_ASYNC_UNSAFE="true",  # the load generator computes codes between requests
    )
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigserial PRIMARY KEY, body text)")
        cursor.execute("GRANT ALL ON bench_row TO campus_app")
        cursor.execute("GRANT USAGE ON SEQUENCE bench_row_id_seq TO campus_app")
        cursor.execute(
            "CREATE TABLE bench_mark (session int, student int, status text, at timestamptz,"
            " PRIMARY KEY (session, student))"
        )
        cursor.execute(
            "INSERT INTO bench_mark SELECT 1, n, 'absent', NULL FROM generate_series(1, %s) AS n",
            [MARKED],
        )
        cursor.execute("GRANT ALL ON bench_mark TO campus_app")


@contextmanager
def web_server() -> Any:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(PORT)]
    command += ["--workers", "2", "--blocking-threads", "2", "--no-ws", "--log-level", "warning"]
    process = subprocess.Popen([*command, "campus.wsgi:application"])
    try:
        wait_for_server()
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for_server() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The web server did not answer.")


class Hall:
    """A course with students who have signed in and bound a phone, and its open session."""

    def __init__(self, students: int, *, slug: str = "bench", host: str = HOST) -> None:
        from django.contrib.sessions.models import Session
        from django.db import connections

        from apps.accounts.models import Device
        from apps.common.rows import table_name
        from apps.imports.services import rosters_analyze
        from apps.tenants.models import Campus, Domain
        from apps.tenants.scope import campus_scope

        self.host = host
        self.campus = Campus.objects.create(slug=slug, name=slug.title())
        Domain.objects.create(campus=self.campus, host=host)
        with campus_scope(self.campus):
            self._people(students)
            rosters_analyze()  # as after an import of them
        with connections["owner"].cursor() as cursor:  # as autovacuum does within a minute
            cursor.execute(f"ANALYZE {table_name(Session)}, {table_name(Device)}")

    def _people(self, students: int) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        from bench.people import bound_device, course_for, signed_in_token, student

        self.keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(students)]
        people = [student(n, host=self.host) for n in range(students)]
        self.course = course_for(people)
        self.tokens = [signed_in_token(person) for person in people]
        for person, key in zip(people, self.keys, strict=True):
            bound_device(person, key)

    def open(self) -> int:
        from django.utils import timezone

        from apps.attendance.services.register import register_open_now
        from apps.audit.services import SYSTEM
        from apps.tenants.scope import campus_scope

        with campus_scope(self.campus):
            session = register_open_now(
                course=self.course, topic="Bench", now=timezone.now(), actor=SYSTEM
            )
        return session.pk

    def close(self, session_id: int) -> None:
        from django.utils import timezone

        from apps.attendance.services.register import register_close
        from apps.audit.services import SYSTEM
        from apps.sessions.models import ClassSession
        from apps.tenants.scope import campus_scope

        with campus_scope(self.campus):
            session = ClassSession.objects.get(pk=session_id)
            register_close(session=session, now=timezone.now(), actor=SYSTEM)

    def redeem_request(self, session_id: int) -> Callable[[int], bytes]:
        from django.utils import timezone

        from apps.qr_otp.selectors import shown_code
        from apps.tenants.scope import campus_scope
        from bench.load import request_bytes

        shown: dict[int, bytes] = {}

        def make(number: int) -> bytes:
            window = int(time.time() // 5)
            if window not in shown:
                with campus_scope(self.campus):
                    code = shown_code(
                        purpose="check_in", subject=str(session_id), now=timezone.now()
                    )
                assert code is not None
                shown[window] = json.dumps({"token": code.token}).encode()
            return request_bytes(
                "/api/v1/check-in/redeem", shown[window], host=self.host, headers=self.auth(number)
            )

        return make

    def check_in_requests(self, tickets: dict[int, str]) -> list[bytes]:
        from bench.load import request_bytes

        return [
            request_bytes(
                "/api/v1/check-in",
                self.evidence(number, ticket),
                host=self.host,
                headers=self.auth(number),
            )
            for number, ticket in sorted(tickets.items())
        ]

    def evidence(self, number: int, ticket: str) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        text = json.dumps(
            {
                "ticket": ticket,
                "nonce": f"bench-{number}-{ticket[-12:]}",
                "location": {
                    "latitude": "52.51627300",
                    "longitude": "13.37770400",
                    "accuracy_m": 8,
                    "age_s": 1,
                },
                "beacons": [{"identifier": "bench-1", "rssi": -60}],
            }
        )
        signature = self.keys[number].sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        body = {"evidence": text, "signature": base64.b64encode(signature).decode()}
        return json.dumps(body).encode()

    def auth(self, number: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[number]}"}


def play_round(hall: Hall, students: int) -> dict[str, Any]:
    """The baselines, then redeem and check-in of every student once."""
    from bench.load import run

    results = {name: baseline(name, students) for name in BASELINES}
    session_id = hall.open()
    redeem = run(PORT, hall.redeem_request(session_id), count=students)
    tickets = {n: json.loads(body)["ticket"] for n, s, body in redeem.answers if s == 201}
    requests = hall.check_in_requests(tickets)
    check_in = run(PORT, lambda n: requests[n], count=len(requests))
    accepted = sum(json.loads(b)["outcome"] == "accepted" for _n, s, b in check_in.answers)
    hall.close(session_id)
    if len(tickets) != students or accepted != students:
        raise SystemExit(f"Only {len(tickets)} tickets, {accepted} accepted of {students}.")
    return {**results, "redeem": redeem, "check_in": check_in}


def baseline(name: str, count: int) -> Any:
    from bench.load import request_bytes, run

    def make(number: int) -> bytes:
        query = f"?student={number % MARKED + 1}" if name == "mark" else ""
        return request_bytes(f"/bench/{name}{query}", b"{}", host=HOST, headers={})

    load = run(PORT, make, count=count)
    if {status for _number, status, _body in load.answers} != {200}:
        raise SystemExit(f"The baseline {name} did not answer 200.")
    return load


def memory_mb(pid: int) -> list[int]:
    """Resident memory of the web workers, in MB."""
    import psutil

    return [p.memory_info().rss // 2**20 for p in psutil.Process(pid).children(recursive=True)]


def report(rounds: list[dict[str, Any]], memory: list[int]) -> dict[str, Any]:
    result: dict[str, Any] = {"web_worker_mb": memory}
    heads = " ".join(f"{f'× {base}':>8}" for base in BASELINES)
    print(f"{'':10} {'per second':>10} {'p50 ms':>8} {'p95 ms':>8} {heads}")
    for name in (*BASELINES, "redeem", "check_in"):
        rate = statistics.median(r[name].per_second for r in rounds)
        p50 = statistics.median(r[name].percentile(0.5) for r in rounds)
        p95 = statistics.median(r[name].percentile(0.95) for r in rounds)
        ratios = {
            base: statistics.median(r[name].per_second / r[base].per_second for r in rounds)
            for base in BASELINES
        }
        result[name] = {"per_second": rate, "p50_ms": p50, "p95_ms": p95, "ratios": ratios}
        shown = " ".join(f"{ratios[base]:8.2f}" for base in BASELINES)
        print(f"{name:10} {rate:10.0f} {p50:8.1f} {p95:8.1f} {shown}")
    print(f"memory of the web workers: {memory} MB")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            hall = Hall(options.students)
            with web_server() as server:
                rounds = [play_round(hall, options.students) for _ in range(options.rounds)]
                result = report(rounds, memory_mb(server.pid))
        finally:
            stack.stop()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    broken = [
        name
        for name, least in PROMISES.items()
        if result[name]["ratios"]["plain"] < least or result[name]["p95_ms"] > MOST_P95_MS
    ]
    for name in broken:
        print(f"{name}: the promise is not held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
