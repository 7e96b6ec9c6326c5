"""Search over HTTP at 10,000 students, beside an unindexed ILIKE; and what the triggers cost.

    python -m bench.search [--students 10000] [--rounds 3] [--json FILE]

Starts its own PostgreSQL (durable), Valkey and web server (granian, 2 workers × 2 threads) in a
temporary folder. A second campus of the same size stands beside the searched one. Each round sends
the same words, one request after the other, to the search of students, to the search of all kinds,
to a view with the same sign-in and the same answer that compares every row by ILIKE (which, to its
advantage, does not fold accents), and to one that signs in and does nothing. The words are parts of
names, two words, codes, addresses, single letters and words that nobody has.

The second figure: five times as many students (50,000) inserted with and without the triggers that
keep the words.

Promise: p95 of the search of students ≤ 20 ms. The table gives medians over the rounds.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

HOST: Final = "bench.example"
PORT: Final = 18_766
PROMISED_P95_MS: Final = 20.0
INSERTED: Final = 5  # times as many students as are searched
REQUESTS: Final = 300  # of each kind and round
FIRST_NAMES: Final = (
    *("Anna", "Joanna", "José", "Zoë", "Jürgen", "Élodie", "Mohammed", "Aisha", "Wei", "Ravi"),
    *("Priya", "Sofía", "Łukasz", "Çağla", "Nguyễn", "Olga", "Kwame", "Fatima", "Hiroshi", "Björn"),
)
LAST_NAMES: Final = (
    *("Müller", "Schmidt", "García", "Kowalski", "Ångström", "Reddy", "Sharma", "Patel", "Nguyen"),
    *("Okafor", "Haddad", "Yılmaz", "Tanaka", "Silva", "Dubois", "Rossi", "Novák", "Petrov"),
    *("Jensen", "O’Connor", "Weiß", "Kumar", "Chen", "Ibrahim", "Lindqvist"),
)
WORDS: Final = (
    *("muller", "müller", "ann", "garc", "weiss", "angstrom", "tanak", "okaf", "reddy", "novak"),
    *("anna müller", "wei chen", "priya sharma", "bjorn lind", "S000123", "s00998", "s4711@"),
    *("a", "z", "nobody", "qqq", "xylophon", "1234567"),
)
PATHS: Final = {
    "sign-in": "/bench/member?",
    "students": "/api/v1/search?kind=student&",
    "all kinds": "/api/v1/search?",
    "ILIKE": "/bench/ilike?",
}


def set_up(var: Path) -> None:
    os.environ.update(DJANGO_SETTINGS_MODULE="bench.settings", CAMPUS_VAR=str(var))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@contextmanager
def web_server() -> Iterator[None]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(PORT)]
    command += ["--workers", "2", "--blocking-threads", "2", "--no-ws", "--log-level", "warning"]
    process = subprocess.Popen([*command, "campus.wsgi:application"])
    try:
        wait_for_server()
        yield
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


def students(number: int) -> list[Any]:
    """Students with every pair of the names above, again and again."""
    from apps.accounts.models import Student

    pairs = itertools.cycle(itertools.product(FIRST_NAMES, LAST_NAMES))
    return [
        Student(code=f"S{n:06d}", first_name=first, last_name=last, email=f"s{n}@{HOST}")
        for n, (first, last) in zip(range(number), pairs, strict=False)
    ]


def make_campus(slug: str) -> Any:
    from apps.tenants.models import Campus

    return Campus.objects.create(slug=slug, name=slug)


def fill(number: int) -> str:
    """Two campuses of so many students; returns the token of the first one's administrator."""
    from django.db import connections

    from apps.accounts.models import Membership, Role, Student, User
    from apps.tenants.models import Domain
    from apps.tenants.scope import campus_scope
    from bench.people import token_for

    campus = make_campus("bench")
    Domain.objects.create(campus=campus, host=HOST)
    for filled in (campus, make_campus("beside")):
        with campus_scope(filled):
            Student.objects.bulk_create(students(number), batch_size=5_000)
    with campus_scope(campus):
        admin = User.objects.create_user(f"admin@{HOST}", name="Admin")
        Membership.objects.create(user=admin, role=Role.ADMIN)
        token = token_for(admin, campus_id=campus.pk)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE search_entry")
        cursor.execute("VACUUM ANALYZE accounts_student")
    return token


def play_round(token: str) -> dict[str, Any]:
    """The load of each path. They take turns, so that all meet the same neighbours."""
    from bench.load import Load, request_bytes, run

    names = list(PATHS)

    def make(number: int) -> bytes:
        turn, path = divmod(number, len(names))
        query = urlencode({"q": WORDS[turn % len(WORDS)]})
        headers = {"Authorization": f"Bearer {token}"}
        return request_bytes(
            PATHS[names[path]] + query, b"", host=HOST, headers=headers, method="GET"
        )

    run(PORT, make, count=len(names) * len(WORDS), connections=4)  # all have planned and connected
    together = run(PORT, make, count=len(names) * REQUESTS, connections=1)
    loads = {name: Load() for name in names}
    for (number, status, body), seconds in zip(together.answers, together.latencies, strict=True):
        turn, path = divmod(number, len(names))
        if status != 200:
            raise SystemExit(f"{names[path]} answered {status}.")
        loads[names[path]].latencies.append(seconds)
        loads[names[path]].answers.append((turn % len(WORDS), status, body))
    return loads


def check_same_answers(rounds: list[dict[str, Any]]) -> None:
    """Words without accents are found by both; the answers must not differ there."""
    plain = {n for n, word in enumerate(WORDS) if word in ("reddy", "wei chen", "S000123", "qqq")}
    for loads in rounds:
        ours, theirs = (
            {n: json.loads(body)["results"] for n, _s, body in loads[name].answers if n in plain}
            for name in ("students", "ILIKE")
        )
        if ours != theirs:
            raise SystemExit("The search and the ILIKE do not find the same students.")


@contextmanager
def without_triggers() -> Iterator[None]:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_student DISABLE TRIGGER search_insert")
        yield
        cursor.execute("ALTER TABLE accounts_student ENABLE TRIGGER search_insert")


def insert_seconds(slug: str, number: int) -> float:
    """So many students into a campus of their own, in one transaction with its commit."""
    from apps.accounts.models import Student
    from apps.tenants.scope import campus_scope

    campus, rows = make_campus(slug), students(number)
    started = time.perf_counter()
    with campus_scope(campus):
        Student.objects.bulk_create(rows, batch_size=5_000)
    return time.perf_counter() - started


def measure_inserts(number: int, rounds: int) -> dict[str, float]:
    kept, plain = [], []
    for each in range(rounds):
        kept.append(insert_seconds(f"kept-{each}", number))
        with without_triggers():
            plain.append(insert_seconds(f"plain-{each}", number))
    return {
        "students": number,
        "with_triggers_s": statistics.median(kept),
        "without_triggers_s": statistics.median(plain),
        "ratio": statistics.median(k / p for k, p in zip(kept, plain, strict=True)),
    }


def report(rounds: list[dict[str, Any]], inserts: dict[str, float]) -> dict[str, Any]:
    result: dict[str, Any] = {"insert": inserts}
    print(f"{'':10} {'p50 ms':>8} {'p95 ms':>8} {'× faster than ILIKE (p95)':>26}")
    for name in PATHS:
        figures: dict[str, Callable[[Any], float]] = {
            "p50_ms": lambda r, name=name: r[name].percentile(0.5),
            "p95_ms": lambda r, name=name: r[name].percentile(0.95),
            "ilike_ratio": lambda r, name=name: (
                r["ILIKE"].percentile(0.95) / r[name].percentile(0.95)
            ),
        }
        row = {key: statistics.median(map(figure, rounds)) for key, figure in figures.items()}
        result[name.replace(" ", "_")] = row
        print(f"{name:10} {row['p50_ms']:8.1f} {row['p95_ms']:8.1f} {row['ilike_ratio']:26.1f}")
    print(
        f"{inserts['students']} students: {inserts['with_triggers_s']:.2f} s with the triggers, "
        f"{inserts['without_triggers_s']:.2f} s without (× {inserts['ratio']:.2f})"
    )
    return result


def measure(number: int, rounds: int) -> dict[str, Any]:
    token = fill(number)
    with web_server():
        loads = [play_round(token) for _ in range(rounds)]
    check_same_answers(loads)
    return report(loads, measure_inserts(INSERTED * number, rounds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            result = measure(options.students, options.rounds)
        finally:
            stack.stop()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return int(result["students"]["p95_ms"] > PROMISED_P95_MS)


if __name__ == "__main__":
    sys.exit(main())
