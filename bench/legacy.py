"""Moving an old system in, from the file to the commit: 4,000 students, 500,000 marks.

    python -m bench.legacy [--students 4000] [--sessions 125] [--json FILE]

Starts its own PostgreSQL (durable) in a temporary folder. AMS comes as a plain dump, SIS as a
SQLite file, each into a fresh campus; the second time the same source changes nothing. `cpu` are
the seconds of this process and of the server's. Memory is the highest resident size. Promise:
4,000 students with 500,000 marks ≤ 60 s.
"""

import argparse
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.imports import set_up

PROMISE = 60.0  # seconds
OF_SECTION = 40  # students
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FIRST = date(2026, 1, 12)


def days(number: int) -> list[date]:
    """School days from January on."""
    found, day = [], FIRST
    while len(found) < number:
        if day.weekday() < 5:
            found.append(day)
        day += timedelta(days=1)
    return found


def section_of(n: int) -> tuple[str, int, str]:
    nth = n // OF_SECTION
    return ("CSE", "ECE", "EEE", "ME")[nth % 4], nth // 4 % 4 + 1, f"S{nth // 16}"


def ams_dump(path: Path, students: int, sessions: int) -> None:
    """Every section has one course that meets once a day."""
    with path.open("w") as out:

        def copy(table: str, columns: str) -> None:
            out.write(f"COPY public.{table} ({columns}) FROM stdin;\n")

        out.write("-- PostgreSQL database dump\n")
        copy("student", "id, name, email, year, department, section, binding_id")
        for n in range(students):
            department, year, section = section_of(n)
            out.write(f"N{n:05d}\tStudent {n}\tn{n}@bench.example\t{year}\t{department}")
            out.write(f"\t{section}\t\\N\n")
        out.write("\\.\n")
        copy("faculty", "id, name, email")
        out.write("F1\tGrace Hopper\tf1@bench.example\n\\.\n")
        copy("subject", "subject_code, subject_mnemonic, subject_name, subject_type")
        out.write("CS201\tALGO\tAlgorithms\tTheory\n\\.\n")
        copy("faculty_assignment", "id, faculty_id, subject_code, year, department, section")
        for n in range(0, students, OF_SECTION):
            department, year, section = section_of(n)
            out.write(f"{n // OF_SECTION}\tF1\tCS201\t{year}\t{department}\t{section}\n")
        out.write("\\.\n")
        columns = "id, assignment_id, date, start_time, end_time, status, topic_discussed"
        copy("schedule", columns)
        held = days(sessions)
        for nth in range(students // OF_SECTION):
            for k, day in enumerate(held):
                out.write(f"{nth * sessions + k}\t{nth}\t{day}\t08:30\t09:30\tt\tTopic {k}\n")
        out.write("\\.\n")
        copy("attendance_record", "id, student_id, session_id, status")
        number = 0
        for n in range(students):
            for k in range(sessions):
                number += 1
                session = n // OF_SECTION * sessions + k
                status = "f" if (n + k) % 5 == 0 else "t"
                out.write(f"{number}\tN{n:05d}\t{session}\t{status}\n")
        out.write("\\.\n")


def sis_file(path: Path, students: int, sessions: int) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE student (id INTEGER PRIMARY KEY, name, age, class_name, section);"
            "CREATE TABLE attendance (id INTEGER PRIMARY KEY, student_id, date);"
        )
        for n in range(students):
            department, year, section = section_of(n)
            row = (n, f"Student {n}", 16, f"{department}-{year}", section)
            db.execute("INSERT INTO student VALUES (?, ?, ?, ?, ?)", row)
            rows = [(n, day.isoformat()) for day in days(sessions)]
            db.executemany("INSERT INTO attendance (student_id, date) VALUES (?, ?)", rows)
    db.close()


def cpu_seconds() -> tuple[float, float]:
    """Of this process and of the server's process behind its connection, since their starts: what
    counts where others use the machine too."""
    from django.db import connection

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return time.process_time(), (int(fields[11]) + int(fields[12])) / ticks


def measure(system: str, source: Path) -> dict[str, Any]:
    from apps.audit.services import SYSTEM
    from apps.legacy.services import legacy_import
    from apps.old_databases import source_open
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope

    campus = Campus.objects.create(
        slug=system, name=system, time_zone="Europe/Berlin", email_domains=["bench.example"]
    )
    found: dict[str, Any] = {"megabytes": round(source.stat().st_size / 2**20, 1)}
    for name in ("first", "again"):
        started, spent = time.perf_counter(), cpu_seconds()
        with source_open(source) as old, campus_scope(campus):
            report = legacy_import(system=system, old=old, now=NOW, actor=SYSTEM, dry=False)
        found[f"{name}_seconds"] = round(time.perf_counter() - started, 1)
        found[f"{name}_cpu"] = [
            round(after - before, 1) for before, after in zip(spent, cpu_seconds(), strict=True)
        ]
        found[f"{name}_new"] = sum(table.new for table in report.tables)
        found["unexplained"] = found.get("unexplained", 0) + report.unexplained
    found["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=4000)
    parser.add_argument("--sessions", type=int, default=125, help="of each student")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            for system, make in (("ams", ams_dump), ("sis", sis_file)):
                path = Path(folder) / system
                make(path, options.students, options.sessions)
                results[system] = measure(system, path)
                print(system, results[system], flush=True)
        finally:
            stack.stop()
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return int(any(found["first_seconds"] > PROMISE for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
