"""Backups of a campus of 4,000 students, and how long it is closed when its machine is lost.

    python -m bench.backup [--students 4000] [--marks 350] [--images 4000] [--json FILE]

Starts its own PostgreSQL (durable) in a temporary folder and fills it: `marks` records for each
student (1.4 million by default) and one image of 20 KB each. Then: a full backup, 1,000 records
more, an incremental one, a shipping of the log, reading through, and restoring on an empty machine
at the last moment that was shipped, to the comparison of every table. No promises are asserted.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORDS = """
    INSERT INTO attendance_attendancerecord (campus_id, id, session_id, student_id, course_id,
        status, source, recorded_at, created_at, updated_at, minutes_late, notes,
        verification_score, biometric_verified, bluetooth_verified, location_verified)
    OVERRIDING SYSTEM VALUE
    SELECT 1, %(first)s::bigint + (row_number() OVER ()), 100000 + session, 100000 + student, 1,
        (ARRAY['present', 'present', 'present', 'late', 'absent'])[1 + (student * session) %% 5],
        'check_in', now(), now(), now(), 0, '', 0.80, true, false, true
    FROM generate_series(%(from)s::int, %(to)s::int) AS session,
        generate_series(1, %(students)s::int) AS student
"""
STUDENTS = """
    INSERT INTO accounts_student (campus_id, id, uuid, code, first_name, last_name, email, phone,
        program, representative_mobile, is_active, is_representative, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT 1, 100000 + n, gen_random_uuid(), 'S' || n, 'Student', 'Number ' || n,
        's' || n || '@bench.example', '', 'Computer Science', '', true, false, now(), now()
    FROM generate_series(1, %(students)s::int) AS n
"""


def timed(results: dict[str, Any], name: str, work: Callable[[], Any]) -> Any:
    started = time.monotonic()
    outcome = work()
    results[name] = round(time.monotonic() - started, 1)
    print(f"{name}: {results[name]} s", flush=True)
    return outcome


def database_url(layout: Any) -> str:
    return str(layout.superuser_url.rpartition("/")[0]) + "/campus"


def fill(layout: Any, *, students: int, marks: int, images: int, media: Path) -> None:
    import psycopg

    for number in range(images):
        path = media / f"samples/2026/09/14/1/{number:064x}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(20_000))
    with psycopg.connect(database_url(layout)) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(STUDENTS, {"students": students})
        add_records(connection, first=0, sessions=(1, marks), students=students)
    with psycopg.connect(database_url(layout), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def add_records(connection: Any, *, first: int, sessions: tuple[int, int], students: int) -> None:
    values = {"first": first, "from": sessions[0], "to": sessions[1], "students": students}
    connection.execute(RECORDS, values)


def measure(options: argparse.Namespace, var: Path, results: dict[str, Any]) -> None:
    import psycopg
    from django.conf import settings

    from apps.backup.making import backup_make, ship_log
    from apps.backup.manifests import FULL, INCREMENTAL
    from apps.backup.restoring import choose, restore_into_var
    from apps.backup.targets import FolderTarget
    from apps.backup.verifying import backup_verify
    from apps.backup.wal import waiting_segments
    from apps.processes.embedded import EmbeddedPostgres, Layout
    from apps.processes.spawning import wait_until

    layout = Layout(var)
    target = FolderTarget(var.parent / "backups")
    media = Path(settings.MEDIA_ROOT)
    fill(
        layout,
        students=options.students,
        marks=options.marks,
        images=options.images,
        media=media,
    )
    full = timed(
        results,
        "full backup",
        lambda: backup_make(target=target, kind=FULL, now=datetime.now(UTC)),
    )
    with psycopg.connect(database_url(layout)) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        more = (options.marks + 1, options.marks + 1)
        add_records(connection, first=10_000_000, sessions=more, students=1_000)
    step = timed(
        results,
        "incremental backup after 1,000 marks",
        lambda: backup_make(target=target, kind=INCREMENTAL, now=datetime.now(UTC)),
    )
    with psycopg.connect(layout.superuser_url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    assert row is not None
    names = lambda: {path.name for path in waiting_segments(layout.wal_spool)}  # noqa: E731
    assert wait_until(lambda: row[0] in names(), timeout=60)
    timed(results, "shipping", lambda: ship_log(target=target))
    checked = timed(results, "reading through", lambda: backup_verify(target=target, manifest=step))
    assert checked.wrong == []
    outcome = timed(
        results,
        "restoring on an empty machine",
        lambda: restore_into_var(
            target=target,
            wanted=choose(target, backup="latest", moment="latest"),
            var=var.parent / "new",
            replace=False,
            now=datetime.now(UTC),
        ),
    )
    assert outcome.wrong == []
    postgres = EmbeddedPostgres(Layout(var.parent / "new"))
    timed(results, "starting the restored server", postgres.start)
    postgres.stop()
    results["rows"] = outcome.rows
    results["full MB"] = round(full.size / 1e6, 1)
    results["incremental MB"] = round(step.size / 1e6, 1)
    results["images MB"] = round(full.objects_size / 1e6, 1)
    results["data directory MB"] = round(
        sum(path.stat().st_size for path in layout.postgres_data.rglob("*") if path.is_file()) / 1e6
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=4000)
    parser.add_argument("--marks", type=int, default=350)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        var = Path(folder) / "var"
        os.environ.update(DJANGO_SETTINGS_MODULE="bench.settings", CAMPUS_VAR=str(var))
        import django

        from apps.processes.embedded import EmbeddedStack, Layout
        from apps.processes.embedded.postgres import EmbeddedPostgres

        layout = Layout(var)
        archiving = EmbeddedPostgres.archiving(layout)
        with EmbeddedStack(layout, postgres_options=archiving):
            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            measure(options, var, results)
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
