"""Taking a campus in from an archive: files first, then all rows in one transaction."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from apps.audit.services import Actor, log_event, log_platform_event, verify
from apps.audit.services.moving import log_take_over
from apps.backup.errors import BackupFailed, Damaged
from apps.backup.making import backup_folder
from apps.backup.sealing import Lock
from apps.backup.targets import Destination
from apps.biometrics.models import FaceModel
from apps.biometrics.services.images import image_id
from apps.common.cache import invalidate
from apps.common.rows import table_name
from apps.jobs.models import Job
from apps.moving.archive import HEAD, MANIFEST, Record, open_archive
from apps.moving.catalogue import (
    IMAGES,
    LABELS,
    MODELS,
    Table,
    moving_tables,
    schema_fingerprint,
)
from apps.moving.contents import Contents, file_take, files_take_back
from apps.moving.exporting import FORMAT, PATIENCE, VERSION
from apps.moving.ids import Ids
from apps.moving.loading import Loader
from apps.moving.owner import as_owner
from apps.moving.people import People, accounts_provide, strangers_invite
from apps.notifications.models import OPEN_STATUSES, Delivery
from apps.notifications.models import Status as DeliveryStatus
from apps.tenants.models import Campus, Domain
from apps.tenants.moving import Row, live_keys, moved_rows
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import host_cache_key

Say = Callable[[str], Any]
_UNDER_WAY: Final = (Job.Status.QUEUED, Job.Status.RUNNING)


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """What the operator asks for. Empty `slug` and `hosts`: those of the archive."""

    target: Destination
    name: str
    lock: Lock
    slug: str = ""
    hosts: tuple[str, ...] = ()
    verified_domains: tuple[str, ...] = ()
    commit: bool = False


@dataclass(frozen=True, kw_only=True)
class Imported:
    campus_id: int
    slug: str
    hosts: tuple[str, ...]
    rows: int
    files: int
    people: People
    manifest: Mapping[str, Any]


class _DryRun(Exception):
    """Everything worked; nothing is to stay."""


def campus_import(*, wanted: ImportRequest, now: datetime, actor: Actor, say: Say) -> Imported:
    """Raises `BackupFailed`, and then nothing of the campus is here.

    Everything is done without `commit` too, and undone. Killed in the middle, only objects may
    lie in the storage; the same archive, imported again, takes them over.
    """
    if settings.CAMPUS_OLD_MASTER_KEY:
        raise BackupFailed("Finish manage.py rotate_master_key first: two master keys are given.")
    with as_owner():
        with _archive(wanted) as (head, _rest):
            hosts = _agreed(wanted, head)
        contents = Contents(head=head, campus_id=_campus_id(head["id"]))
        try:
            _first_reading(wanted, contents)
            say(f"{wanted.name} is whole: {contents.files} files.")
            outcome = _saved(wanted, contents, hosts, now, actor)
        except BaseException:
            files_take_back(contents.written)
            raise
        if wanted.commit:
            _note_of(head["id"]).unlink(missing_ok=True)
    return outcome


@contextmanager
def _archive(wanted: ImportRequest) -> Iterator[tuple[dict[str, Any], Iterator[Record]]]:
    with open_archive(wanted.target, wanted.name, lock=wanted.lock) as records:
        first = next(records)
        head = next(first.rows(), None)
        if first.name != HEAD or not isinstance(head, dict) or head.get("format") != FORMAT:
            raise Damaged(f"{wanted.name} is no archive of a campus.")
        yield head, records


def _agreed(wanted: ImportRequest, head: dict[str, Any]) -> tuple[str, ...]:
    """The hosts. Raises `BackupFailed` where the campus cannot be taken in like this."""
    if head["version"] != VERSION or head["schema"] != schema_fingerprint():
        raise BackupFailed(
            f"The archive was made by version {head['campus_version']} of the platform, whose "
            "tables differ from this one's. Bring both installations to the same version, and "
            "export again."
        )
    slug = wanted.slug or head["campus"]["slug"]
    if Campus.objects.filter(slug=slug).exists():
        raise BackupFailed(f"A campus “{slug}” is here already: give another name by --slug.")
    hosts = wanted.hosts or tuple(head["hosts"])
    taken = Domain.objects.filter(host__in=[host.lower() for host in hosts])
    if found := sorted(taken.values_list("host", flat=True)):
        raise BackupFailed(f"{', '.join(found)} leads to a campus already: give others by --host.")
    return tuple(host.lower() for host in hosts)


def _note_of(archive_id: str) -> Path:
    return backup_folder() / f"import-{UUID(archive_id).hex}.json"


def _campus_id(archive_id: str) -> int:
    """The number of the new campus: the same as in an interrupted import of this archive."""
    note = _note_of(archive_id)
    if note.exists():
        known = int(json.loads(note.read_text())["campus_id"])
        if not Campus.objects.filter(pk=known).exists():
            return known
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table_name(Campus)])
        campus_id = int(cursor.fetchone()[0])
    note.write_text(json.dumps({"campus_id": campus_id}))
    return campus_id


def _first_reading(wanted: ImportRequest, contents: Contents) -> None:
    """Read every byte; with `commit`, files are put into the storage."""
    target = live_keys(contents.campus_id)
    found: dict[str, int] = {}
    with _archive(wanted) as (_head, records):
        for record in records:
            if record.name == "file":
                file_take(record, contents, target, commit=wanted.commit)
            elif "table" in record.facts:
                found[record.facts["table"]] = _counted(record, contents)
            else:
                _note(record, contents)
    recorded = {name: table["rows"] for name, table in contents.manifest["tables"].items()}
    if found != recorded or contents.files != contents.manifest["files"]:
        raise Damaged(f"{wanted.name} has not what its manifest says.")
    if set(recorded) != set(moving_tables()):
        raise BackupFailed("The archive has other tables than this version of the platform.")


def _counted(record: Record, contents: Contents) -> int:
    count = 0
    for row in record.rows():
        count += 1
        if record.facts["table"] == LABELS:
            contents.labels.append(row["id"])
    return count


def _note(record: Record, contents: Contents) -> None:
    if record.name in {"accounts", "models"}:
        setattr(contents, record.name, list(record.rows()))
    elif record.name == "history":
        contents.history = {UUID(pk): bytes.fromhex(sha) for pk, sha in record.rows()}
    elif record.name == MANIFEST:
        contents.manifest = next(record.rows())


def _saved(
    wanted: ImportRequest, contents: Contents, hosts: tuple[str, ...], now: datetime, actor: Actor
) -> Imported:
    outcome: list[Imported] = []
    try:
        with transaction.atomic():
            campus = _new_campus(wanted, contents, hosts)
            with campus_scope(campus):
                people = _rows(wanted, contents)
                log_take_over(digests=contents.history, now=now)
                _confirm_log(contents)
                _settle(people, now, actor)
                outcome.append(_outcome(campus, contents, hosts, people))
                _write_down(campus, outcome[0], contents, now, actor)
            if not wanted.commit:
                raise _DryRun
    except _DryRun:
        pass
    for host in hosts:
        invalidate(host_cache_key(host))
    return outcome[0]


def _new_campus(wanted: ImportRequest, contents: Contents, hosts: tuple[str, ...]) -> Campus:
    """Whether its e-mail domains are proven is this platform's to say: --verified-domain."""
    values = {**contents.head["campus"], "verified_domains": sorted(wanted.verified_domains)}
    campus = Campus(pk=contents.campus_id, **values)
    campus.slug = wanted.slug or campus.slug
    try:
        campus.full_clean()
        campus.save(force_insert=True)
        for host in hosts:
            domain = Domain(campus=campus, host=host)
            domain.full_clean()
            domain.save()
    except ValidationError as error:
        raise BackupFailed(
            f"The campus cannot be made here: {'; '.join(error.messages)}"
        ) from error
    return campus


def _rows(wanted: ImportRequest, contents: Contents) -> People:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # enters the campus, with limits that the next line lifts
        cursor.execute(PATIENCE)
    ids, tables = contents.ids(), moving_tables()
    people = accounts_provide(accounts=contents.accounts, ids=ids)
    for model in contents.models:
        ids.replace(MODELS, model["id"], _face_model(model))
    for label in contents.labels:
        ids.replace(LABELS, label, _next_label())
    loader = Loader(tables)
    with _archive(wanted) as (_head, records):
        for record in records:
            if "table" in record.facts:
                table = tables[record.facts["table"]]
                loader.load(table, _here(table, record.rows(), contents, ids))
    loader.put_right()
    loader.compare(contents.manifest["tables"], ids)
    return people


def _face_model(model: dict[str, Any]) -> int:
    """The engine of the same weights; one that is not here is registered, without weights."""
    known = FaceModel.objects.filter(name=model["name"], version=model["version"]).first()
    if known is not None:
        if known.sha256 != model["sha256"]:
            raise BackupFailed(
                f"The face model {known} has other weights here than where the campus was: its "
                "templates would not fit. Fetch the same weights (manage.py fetch_models)."
            )
        return known.pk
    values = {name: value for name, value in model.items() if name != "id"}
    return FaceModel.objects.create(**values).pk


def _here(table: Table, rows: Iterable[Row], contents: Contents, ids: Ids) -> Iterator[Row]:
    """Rows as they look on this installation, sealed under its key."""
    reseal = {moved.table: moved.reseal for moved in moved_rows().values()}.get(table.name)
    source, target = contents.source, live_keys(contents.campus_id)
    for before in rows:
        if table.name == IMAGES:
            ids.replace(IMAGES, before["id"], str(image_id(before["sha256"])))
        row = ids.here(table, before)
        if reseal is not None:
            reseal(row, before, source, target)
        yield {**row, "campus_id": contents.campus_id}


def _next_label() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [LABELS])
        return int(cursor.fetchone()[0])


def _confirm_log(contents: Contents) -> None:
    """The log holds here as it did there. Raises `Damaged`."""
    new = verify().problems
    if new and not contents.manifest["log"]["problems"]:
        raise Damaged(f"The audit log does not hold after the import: {new[0]}.")


def _settle(people: People, now: datetime, actor: Actor) -> None:
    """What was under way goes on where it was: here nothing is sent or done a second time."""
    Delivery.objects.filter(status__in=OPEN_STATUSES).update(status=DeliveryStatus.DEAD)
    Job.objects.filter(status__in=_UNDER_WAY).update(status=Job.Status.CANCELLED, finished_at=now)
    strangers_invite(people=people, now=now, actor=actor)


def _outcome(
    campus: Campus, contents: Contents, hosts: tuple[str, ...], people: People
) -> Imported:
    return Imported(
        campus_id=campus.pk,
        slug=campus.slug,
        hosts=hosts,
        rows=sum(table["rows"] for table in contents.manifest["tables"].values()),
        files=contents.files,
        people=people,
        manifest=contents.manifest,
    )


def _write_down(
    campus: Campus, outcome: Imported, contents: Contents, now: datetime, actor: Actor
) -> None:
    log = contents.manifest["log"]
    data = {
        "archive": contents.head["id"],
        "was": {"slug": contents.head["campus"]["slug"], "campus": contents.head["campus_id"]},
        "rows": outcome.rows,
        "files": outcome.files,
        "log": {"sealed": log["sealed"], "problems": log["problems"][:20]},
    }
    log_event(actor=actor, action="tenants.campus.imported", now=now, target=campus, data=data)
    log_platform_event(
        actor=actor, action="platform.campus.imported", now=now, target=campus, data=data
    )
