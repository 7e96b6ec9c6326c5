"""Spreadsheets from received bytes to commit, beside COPY of the same rows and a plain read.

    python -m bench.imports [--rounds 3] [--rows N] [--json FILE]

Starts its own PostgreSQL (durable) in a temporary folder. Each round imports into a fresh campus
and, in the same run, copies the same rows into a bare table (the least that PostgreSQL can do with
them) and reads the same workbook with openpyxl (what most importers do before anything else).
Promises: 4,000 students ≤ 0.5 s, 50,000 ≤ 5 s, 500 subjects ≤ 0.1 s on two cores.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROMISES = {"4000 students": 0.5, "50000 students": 5.0, "500 subjects": 0.1}


def set_up(var: Path) -> None:
    os.environ.update(DJANGO_SETTINGS_MODULE="bench.settings", CAMPUS_VAR=str(var))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def students(number: int) -> list[list[Any]]:
    rows: list[list[Any]] = [["id", "name", "year", "department", "section"]]
    for n in range(number):
        department, section = ("CSE", "ECE", "EEE", "ME")[n // 4 % 4], "ABCDE"[n // 16 % 5]
        rows.append([210_000 + n, f"Student Number {n}", f"E{n % 4 + 1}", department, section])
    return rows


def subjects(number: int) -> list[list[Any]]:
    rows: list[list[Any]] = [["code", "mnemonic", "name", "type"]]
    return rows + [[f"S{n:04d}", f"M{n}", f"Subject {n}", "Theory"] for n in range(number)]


def workbook(rows: list[list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def import_seconds(kind: str, data: bytes, slug: str) -> float:
    """Into a campus of its own, from the bytes to the commit."""
    from django.utils import timezone

    from apps.accounts.writes import PLATFORM
    from apps.audit.services import SYSTEM
    from apps.import_types.registry import import_type_named
    from apps.imports.services.apply import read_upload, run_import
    from apps.tabular_files.questions import FileAnswers
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope

    campus = Campus.objects.create(slug=slug, name=slug, email_domains=[f"{slug}.example"])

    import_type = import_type_named(kind)

    def no_progress(done: int, total: int, phase: str) -> None: ...

    def act() -> None:
        with campus_scope(campus):
            tables = read_upload(
                data,
                import_type,
                writer=PLATFORM,
                report_progress=no_progress,
                answers=FileAnswers(),
            )
            report = run_import(
                tables,
                import_type,
                mapping=None,
                options={},
                now=timezone.now(),
                actor=SYSTEM,
                writer=PLATFORM,
                report_progress=no_progress,
                dry=False,
            )
            assert report.result.new == report.seen, report.problems[:3]

    return seconds(act)


def copy_seconds(rows: list[list[Any]]) -> float:
    """As the owner: the application's role may make no temporary table of its own."""
    from django.db import connections, transaction

    def act() -> None:
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            columns = ", ".join(f"c{n} text" for n in range(len(rows[0])))
            cursor.execute(f"CREATE TEMP TABLE plain ({columns}) ON COMMIT DROP")
            with cursor.copy("COPY plain FROM STDIN") as copy:
                for row in rows[1:]:
                    copy.write_row([str(cell) for cell in row])

    return seconds(act)


def read_seconds(data: bytes) -> float:
    import openpyxl

    def act() -> None:
        sheet: Any = openpyxl.load_workbook(io.BytesIO(data), read_only=True).active
        for _row in sheet.iter_rows(values_only=True):
            pass

    return seconds(act)


def measure(rounds: int, most: int | None) -> dict[str, dict[str, float]]:
    """`most`: rows of each case, to see whether it works."""
    cases = {
        "4000 students": ("students", students(4_000)),
        "50000 students": ("students", students(50_000)),
        "500 subjects": ("subjects", subjects(500)),
    }
    result: dict[str, dict[str, float]] = {}
    print(f"{'':16} {'import s':>9} {'COPY s':>8} {'openpyxl s':>11}")
    for name, (kind, rows) in cases.items():
        rows = rows if most is None else rows[: most + 1]
        data = workbook(rows)
        slug = name.replace(" ", "-")
        ours = [import_seconds(kind, data, f"{slug}-{n}") for n in range(rounds)]
        copies = [copy_seconds(rows) for _ in range(rounds)]
        reads = [read_seconds(data) for _ in range(rounds)]
        figures = [statistics.median(times) for times in (ours, copies, reads)]
        result[name] = dict(zip(("import_s", "copy_s", "openpyxl_s"), figures, strict=True))
        print(f"{name:16} {figures[0]:9.2f} {figures[1]:8.3f} {figures[2]:11.2f}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="of each case; promises need all")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            result = measure(options.rounds, options.rows)
        finally:
            stack.stop()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return int(any(result[name]["import_s"] > most for name, most in PROMISES.items()))


if __name__ == "__main__":
    sys.exit(main())
