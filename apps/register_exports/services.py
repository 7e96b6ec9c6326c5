"""Exports of registers: queued, written file by file, ended; old traces are forgotten.

Each file is a part of the job, in a transaction of its own, and is put at its place whole. The
manifest comes last: a folder without one is not finished, and a worker that was lost begins with
the file at which it stood.
"""

import json
import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.writes import Writer
from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.crypto import seal
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.register_exports.models import (
    EXPORT_REGISTERS,
    DeletedRow,
    RegisterExport,
    WarehouseSetting,
)
from apps.register_exports.selectors import (
    DELETED_COLUMNS,
    EXPORT_SEAL,
    REGISTER_TABLES,
    Pseudonyms,
    RegisterTable,
    campus_setting,
    deleted_marks,
    deleted_rows,
    event_rows,
    last_written,
    pseudonyms_of,
    table_rows,
)
from apps.register_exports.storage import put
from apps.register_exports.writing import (
    facts_of,
    has_parquet,
    moment,
    section_events,
    write_csv,
    write_lines,
    write_parquet,
)
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

FORMAT: Final = "campus-registers"
VERSION: Final = 1
KEY_BYTES: Final = 32
# A change is dated when its transaction begins and seen when that ends.
OVERLAP: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=90)  # traces of deleted rows, and of exports
EVENTS: Final = "student_section_attendance_events"
DELETED: Final = "deleted"
WRITERS: Final = {"csv": write_csv, "parquet": write_parquet}
Status = RegisterExport.Status


def new_key() -> bytes:
    """Of a new setting: random, so that no pseudonym depends on the master key."""
    return seal(EXPORT_SEAL, current_campus_id(), os.urandom(KEY_BYTES))


@transaction.atomic
def export_start(
    *,
    full: bool,
    user_id: int | None,
    now: datetime,
    actor: Actor,
    since: datetime | None = None,
    file_format: str = "",
) -> RegisterExport:
    """Queue an export of what changed since the last one, or since a moment; the first one, and one
    after 90 days, is whole.

    Raises `Refused` (no_setting, already_running, no_parquet).
    """
    setting = WarehouseSetting.objects.select_for_update().first()
    if setting is None:
        raise Refused("no_setting", _("This campus exports no registers. An administrator may."))
    unfinished = Job.objects.filter(kind=EXPORT_REGISTERS, status__in=["queued", "running"])
    if unfinished.exists():
        raise Refused("already_running", _("An export is being written. Wait until that ends."))
    RegisterExport.objects.filter(status=Status.RUNNING).update(  # their jobs were cancelled
        status=Status.FAILED, problem=_("Ended before it was done."), finished_at=now
    )
    chosen = file_format or setting.file_format
    if chosen == WarehouseSetting.Format.PARQUET and not has_parquet():
        raise Refused("no_parquet", _("Parquet is not installed on this server (extra parquet)."))
    export = RegisterExport.objects.create(
        target=setting.target,
        people=setting.people,
        file_format=chosen,
        school_number=setting.school_number,
        since=None if full else _since(since, now),
        until=now,
    )
    export.job = job_start(
        kind=EXPORT_REGISTERS,
        title=_("Export the registers"),
        params={"export": str(export.pk), "files": []},
        user_id=user_id,
        now=now,
    )
    export.save(update_fields=["job"])
    data = {"whole": export.since is None, "people": export.people, "target": export.target}
    log_event(actor=actor, action="registers.export.started", now=now, target=export, data=data)
    return export


def _since(asked: datetime | None, now: datetime) -> datetime | None:
    """From which change on; None where traces of what was deleted do not reach that far."""
    last = last_written()
    since = asked or (last.until - OVERLAP if last else None)
    return since if since is not None and now - since < KEPT else None


def export_run(job: Job, progress: Progress) -> dict[str, Any] | None:
    """The job: the next file, or the manifest once all are there."""
    export = RegisterExport.objects.get(pk=job.params["export"])
    setting = campus_setting()
    if setting is None:
        raise Refused("no_setting", _("This campus exports no registers. An administrator may."))
    user = job.created_by
    if user is not None and not Writer(user).has("register_exports.change_warehousesetting"):
        raise Refused("role_required", _("Who started this may not export registers any more."))
    known = pseudonyms_of(setting, export.people)
    files = _files(export, known)
    done: list[dict[str, Any]] = job.params["files"]
    if len(done) < len(files):
        name, write = list(files.items())[len(done)]
        progress.at(len(done), len(files) + 1, phase=name)
        done.append(_written(export, name, write))
        job.params = {**job.params, "files": done}
        return None
    now = timezone.now()  # noqa: TID251  (jobs are interfaces)
    export_finish(export=export, files=done, now=now)
    return {"files": len(done), "rows": sum(int(one["rows"]) for one in done)}


@transaction.atomic
def export_finish(*, export: RegisterExport, files: list[dict[str, Any]], now: datetime) -> None:
    """Put the manifest at the place: from then on the export counts."""
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "export": str(export.pk),
        "campus": _campus().slug,
        "whole": export.since is None,
        "since": moment(export.since) if export.since else None,
        "until": moment(export.until),
        "people": export.people,
        "files": files,
    }
    text = json.dumps(manifest, indent=2).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_bytes(text)
        facts = facts_of(path)
        put(export.target, _place(export, path.name), path)
    export.status, export.manifest, export.finished_at = Status.WRITTEN, manifest, now
    export.save(update_fields=["status", "manifest", "finished_at"])
    log_event(
        actor=SYSTEM,
        action="registers.export.written",
        now=now,
        target=export,
        data={"files": len(files), "manifest": facts["sha256"]},
    )


def export_ended(job: Job, *, now: datetime) -> int:
    """A job that failed takes its export along."""
    running = RegisterExport.objects.filter(pk=job.params["export"], status=Status.RUNNING)
    return running.update(status=Status.FAILED, problem=job.problem[:500], finished_at=now)


def _files(export: RegisterExport, known: Pseudonyms) -> dict[str, Callable[[Path], int]]:
    """Each file with what writes it, in the order in which a warehouse loads them."""
    suffix = export.file_format
    found: dict[str, Callable[[Path], int]] = {
        f"{table.name}.{suffix}": partial(_write_table, export, known, table)
        for table in REGISTER_TABLES
    }
    found[f"{DELETED}.{suffix}"] = partial(_write_deleted, export, known)
    if export.school_number is not None:
        found[f"{EVENTS}.jsonl"] = partial(_write_events, export, known, export.school_number)
    return found


def _write_table(
    export: RegisterExport, known: Pseudonyms, table: RegisterTable, path: Path
) -> int:
    rows = table_rows(table, since=export.since, known=known)
    return WRITERS[export.file_format](path, table.columns, rows)


def _write_deleted(export: RegisterExport, known: Pseudonyms, path: Path) -> int:
    rows = deleted_rows(since=export.since, known=known)
    return WRITERS[export.file_format](path, DELETED_COLUMNS, rows)


def _write_events(export: RegisterExport, known: Pseudonyms, school: int, path: Path) -> int:
    marks, gone = event_rows(since=export.since), deleted_marks(since=export.since)
    return write_lines(path, section_events(marks, gone, school=school, known=known))


def _written(export: RegisterExport, name: str, write: Callable[[Path], int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        rows = write(path)
        facts = facts_of(path)
        put(export.target, _place(export, name), path)
    return {"name": name, "rows": rows, **facts}


def _place(export: RegisterExport, name: str) -> str:
    """By campus and moment, so that folders sort as they were made."""
    at = export.until.strftime("%Y%m%dT%H%M%SZ")
    return f"{_campus().slug}/{at}-{export.pk}/{name}"


def _campus() -> Campus:
    return Campus.objects.get(pk=current_campus_id())


def nightly_export(*, now: datetime) -> int:
    """Queue the nightly export of the entered campus, where it has one; returns how many."""
    setting = campus_setting()
    if setting is None or not setting.is_nightly:
        return 0
    try:
        export_start(full=False, user_id=None, now=now, actor=SYSTEM)
    except Refused as refusal:
        data = {"why": refusal.code}
        log_event(
            actor=SYSTEM, action="registers.export.refused", now=now, target=setting, data=data
        )
        return 0
    return 1


def traces_purge(*, now: datetime) -> int:
    """Forget what was deleted, and exports, of longer ago; the newest export stays."""
    newest = last_written()
    old = RegisterExport.objects.filter(until__lt=now - KEPT)
    if newest is not None:
        old = old.exclude(pk=newest.pk)
    done = int(old.delete()[0])
    return done + int(DeletedRow.objects.filter(deleted_at__lt=now - KEPT).delete()[0])
