"""Making a backup: objects, database, objects again, then the signed manifest."""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import default_storage

from apps.backup import dumps, physical
from apps.backup.errors import BackupFailed, BackupRuns, NothingToBuildOn
from apps.backup.keys import key_fingerprint
from apps.backup.manifests import (
    DUMP,
    FULL,
    INCREMENTAL,
    FileSet,
    Manifest,
    chain_of,
    confirm_backup_key,
    good_backups,
    write_manifest,
)
from apps.backup.objects import (
    INDEX,
    StoredObject,
    copy_objects,
    entries_at,
    write_changes,
    write_entries,
    write_index,
)
from apps.backup.server import DatabaseServer, Facts, configured_server, tools_major
from apps.backup.tables import Content, Contents, contents_of
from apps.backup.targets import Destination
from apps.backup.wal import ship_segments, waiting_segments
from apps.ops.versions import campus_version
from apps.processes.embedded import Layout
from apps.tenants.master_key import WrongMasterKey, given_value, recorded_value

logger = logging.getLogger(__name__)

CONTENTS: Final = "tables.jsonl.gz"
FULL_EVERY: Final = timedelta(days=7)  # an incremental backup may build on a full one this long
LONGEST_CHAIN: Final = 14


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The database part of a backup: what was there at its beginning and at its end."""

    before: Contents
    after: Contents
    system: str = ""
    timeline: int = 0
    segment: str = ""


def backup_make(*, target: Destination, kind: str | None, now: datetime) -> Manifest:
    """Make one backup; nothing of it stays where it fails, with `BackupFailed`.

    `kind`: full, incremental, or None: incremental where that is possible and the last full one is
    at most a week old. Servers whose files cannot be copied are dumped instead, each time in full.
    """
    with one_at_a_time("backup"):
        try:
            return _make(target=target, kind=kind, now=now)
        except NothingToBuildOn as error:
            if kind == INCREMENTAL:
                raise
            logger.warning("%s A full backup is made instead.", error)
            return _make(target=target, kind=FULL, now=now)


def _make(*, target: Destination, kind: str | None, now: datetime) -> Manifest:
    began = time.monotonic()
    server = configured_server()
    facts = checked_facts(server)
    confirm_master_key(server)
    confirm_backup_key(target)
    good, _wrong = good_backups(target)
    parent = parent_for(kind=kind, facts=facts, good=good, target=target, now=now)
    chosen = kind_of(facts, parent)
    backup_id = f"{now:%Y%m%dT%H%M%SZ}-{chosen}"
    if any(manifest.id == backup_id for manifest in good):
        raise BackupFailed(f"{backup_id} exists: it was made this second.")
    files = FileSet(target, backup_id)
    try:
        known = known_objects(target, good)
        # Twice: what is deleted while the database is copied, and what comes meanwhile.
        first = copy_objects(default_storage, target, known=known)
        with workspace() as work:
            saved = save_database(server, chosen, files, parent, target=target, work=work)
        entries = {**first, **copy_objects(default_storage, target, known={**known, **first})}
        with files.create(INDEX) as writer:
            write_index(writer, entries)
        with files.create(CONTENTS) as writer:
            write_entries(writer, content_lines(saved))
        manifest = Manifest(
            id=backup_id,
            kind=chosen,
            parent=parent.id if parent else None,
            started_at=now.isoformat(),
            finished_at=(now + timedelta(seconds=time.monotonic() - began)).isoformat(),
            **figures(server, facts, saved, entries),
            files=files.files,
        )
        write_manifest(target, manifest)
    except BaseException:
        discard(files)
        raise
    return manifest


def figures(
    server: DatabaseServer, facts: Facts, saved: Saved, entries: dict[str, StoredObject]
) -> dict[str, Any]:
    return {
        "campus_version": campus_version(),
        "database": server.database,
        "postgres_major": facts.major,
        "master_key": given_value().hex(),
        "backup_key": key_fingerprint(),
        "tables": len(saved.after),
        "rows": sum(content.rows for content in saved.after.values()),
        "objects": len(entries),
        "objects_size": sum(entry.size for entry in entries.values()),
        "system": saved.system,
        "timeline": saved.timeline,
        "segment": saved.segment,
    }


def save_database(
    server: DatabaseServer,
    kind: str,
    files: FileSet,
    parent: Manifest | None,
    *,
    target: Destination,
    work: Path,
) -> Saved:
    if kind == DUMP:
        path = work / dumps.ARCHIVE
        contents = dumps.make_dump(server, path=path)
        dumps.store_dump(path, files)
        return Saved(before=contents, after=contents)
    since = physical.fetch_list(target, parent, folder=work) if parent else None
    with server.connection() as connection:
        before = contents_of(connection)
    copy = physical.make_copy(server, folder=work / "base", since=since)
    with server.connection() as connection:
        after = contents_of(connection)
    physical.store_copy(copy, files)
    return Saved(
        before=before,
        after=after,
        system=copy.system,
        timeline=copy.timeline,
        segment=copy.segment,
    )


def content_lines(saved: Saved) -> Iterator[dict[str, Any]]:
    for moment, contents in (("before", saved.before), ("after", saved.after)):
        for name, content in contents.items():
            yield {"moment": moment, "table": name, **asdict(content)}


def contents_from(lines: list[dict[str, Any]]) -> tuple[Contents, Contents]:
    """What `content_lines` wrote."""
    found: dict[str, dict[str, Content]] = {"before": {}, "after": {}}
    for line in lines:
        found[line["moment"]][line["table"]] = Content(line["rows"], line["checksum"])
    return found["before"], found["after"]


def checked_facts(server: DatabaseServer) -> Facts:
    """Raises `BackupFailed` where a backup by this role would miss rows."""
    facts = server.facts()
    if not facts.sees_all:
        raise BackupFailed(
            f"The role {server.place.get('user')} does not see every row (row level security): a "
            "backup would lack them. BACKUP_DATABASE_URL needs a superuser, or a role with "
            "BYPASSRLS that is a member of pg_read_all_data."
        )
    return facts


def confirm_master_key(server: DatabaseServer) -> None:
    """Raises `WrongMasterKey`: the manifest says under which key a backup can be read."""
    with server.connection() as connection:
        expected = recorded_value(connection)
    if expected is not None and expected != given_value():
        raise WrongMasterKey(expected, given_value())


def kind_of(facts: Facts, parent: Manifest | None) -> str:
    if not may_copy(facts):
        return DUMP
    return INCREMENTAL if parent else FULL


def may_copy(facts: Facts) -> bool:
    return facts.may_copy and not facts.has_tablespaces and facts.major == tools_major()


def parent_for(
    *, kind: str | None, facts: Facts, good: list[Manifest], target: Destination, now: datetime
) -> Manifest | None:
    """What the next backup builds on; None: on nothing. Raises `BackupFailed` where it must."""
    if kind == FULL or not may_copy(facts):
        if kind == INCREMENTAL:
            raise BackupFailed(
                "This server's files cannot be copied (another version than this machine's "
                "programs, no right of replication, or tablespaces): there is no incremental dump."
            )
        return None
    copies = [manifest for manifest in good if manifest.kind != DUMP]
    is_usable = bool(copies) and facts.summarizes and facts.major == copies[-1].postgres_major
    if is_usable:
        chain = chain_of(target, copies[-1])
        if kind or (now - chain[0].started < FULL_EVERY and len(chain) <= LONGEST_CHAIN):
            return copies[-1]
    if kind == INCREMENTAL:
        raise BackupFailed(
            "There is nothing to build on: no backup here, or summarize_wal is off on the server."
        )
    return None


def known_objects(target: Destination, good: list[Manifest]) -> dict[str, StoredObject]:
    """What was copied before, by key: none of it has to be read again."""
    return entries_at(target, good[-1], until=None, also_removed=True) if good else {}


def ship_log(*, target: Destination) -> int:
    """Take finished segments of the database's log to the target; returns how many."""
    spool = Layout(Path(settings.CAMPUS_VAR)).wal_spool
    with one_at_a_time("shipping"):
        if not waiting_segments(spool):
            return 0
        confirm_backup_key(target)
        with configured_server().connection() as connection:
            row = connection.execute(
                "SELECT system_identifier::text FROM pg_control_system()"
            ).fetchone()
        assert row is not None
        return ship_segments(target, system=row[0], spool=spool)


def ship_objects(*, target: Destination, now: datetime) -> int:
    """Take objects that came since the last note to the target, and note what went.

    Returns how many came. Nothing without a backup, which they would have to build on.
    """
    with one_at_a_time("objects"):
        good, _wrong = good_backups(target)
        if not good:
            return 0
        known = entries_at(target, good[-1], until=None)
        new = copy_objects(default_storage, target, known=known)
        return len(write_changes(target, old=known, new=new, now=now).added)


def discard(files: FileSet) -> None:
    """As well as it goes: without a manifest, what is left is no backup and is swept later."""
    try:
        files.remove()
    except BackupFailed:
        return


@contextmanager
def one_at_a_time(work: str) -> Iterator[None]:
    """Raises `BackupRuns` where another process of this machine does this work."""
    lock = os.open(backup_folder() / f"{work}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRuns(f"Another process of this machine is at it: {work}.") from None
        yield
    finally:
        os.close(lock)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder of this machine for files as large as the database; empty again afterwards."""
    path = Path(tempfile.mkdtemp(prefix="work-", dir=backup_folder()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def backup_folder() -> Path:
    folder = Path(settings.CAMPUS_VAR) / "backup"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
