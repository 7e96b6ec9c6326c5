"""Bringing a backup back: into embedded servers of this machine, or into an empty database."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from psycopg.conninfo import conninfo_to_dict

from apps.backup import dumps, physical
from apps.backup.errors import BackupFailed
from apps.backup.making import CONTENTS, contents_from
from apps.backup.manifests import (
    DUMP,
    LATEST,
    Manifest,
    chain_of,
    good_backups,
    open_file,
    read_manifest,
)
from apps.backup.objects import StoredObject, entries_at, put_back, read_index
from apps.backup.server import DatabaseServer
from apps.backup.tables import Contents, contents_of, differences
from apps.backup.targets import Destination
from apps.backup.wal import fetch_segments
from apps.common.crypto import fingerprint
from apps.processes.embedded import EmbeddedError, EmbeddedPostgres, Layout
from apps.processes.embedded.layout import SUPERUSER
from apps.processes.spawning import processes_of
from apps.tenants.master_key import given_value

RECOVERY_SECONDS: Final = 12 * 3600.0
Say = Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What is there now, and what is not as the backup recorded it (nothing: all is)."""

    manifest: Manifest
    tables: int
    rows: int
    objects: int
    wrong: list[str]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which moment: the end of a backup (None), a time after it, or all that there is (LATEST)."""

    manifest: Manifest
    moment: datetime | str | None

    @property
    def until(self) -> datetime | None:
        return self.moment if isinstance(self.moment, datetime) else None


def choose(target: Destination, *, backup: str, moment: datetime | str | None) -> Wanted:
    """`backup` is an id, or LATEST: the newest that ends before `moment`. Raises `BackupFailed`."""
    if backup != LATEST:
        wanted = Wanted(manifest=read_manifest(target, backup), moment=moment)
    else:
        good, wrong = good_backups(target)
        until = moment if isinstance(moment, datetime) else None
        fitting = [one for one in good if until is None or one.finished <= until]
        if not fitting:
            reason = f" {wrong[0]}" if wrong else ""
            raise BackupFailed(f"There is no such backup in {target.label}.{reason}")
        wanted = Wanted(manifest=fitting[-1], moment=moment)
    if moment is not None and wanted.manifest.kind == DUMP:
        raise BackupFailed("A dump has one moment only: a time needs a full or incremental backup.")
    if wanted.until and wanted.until < wanted.manifest.finished:
        raise BackupFailed(
            f"{wanted.manifest.id} ended at {wanted.manifest.finished_at}, after that time: name "
            "an earlier backup."
        )
    confirm_master_key(wanted.manifest)
    return wanted


def confirm_master_key(manifest: Manifest) -> None:
    """Raises `BackupFailed`: under another key nothing of the backup could be read."""
    made_under = bytes.fromhex(manifest.master_key)
    if made_under != given_value():
        raise BackupFailed(
            "The backup was made under another CAMPUS_MASTER_KEY. Expected: the key with the "
            f"fingerprint {fingerprint(made_under)}. Given: {fingerprint(given_value())}. "
            "Nothing was restored."
        )


def restore_into_var(
    *,
    target: Destination,
    wanted: Wanted,
    var: Path,
    replace: bool,
    now: datetime,
    say: Say = lambda _text: None,
    options: Mapping[str, str] | None = None,
) -> Restored:
    """Make the embedded PostgreSQL and the images of `var` anew; nothing of it by half.

    A database that is there already is refused, or with `replace` kept beside as
    `postgres.before-<time>`. Where images are in a bucket, they are put back there.
    """
    layout = Layout(var)
    old = layout.postgres_data
    if old.exists() and not replace:
        raise BackupFailed(f"{old} exists. Choose another folder, or say --replace to move it.")
    if processes_of(old, program="postgres"):
        raise BackupFailed(f"PostgreSQL runs in {old}: stop it first.")
    with scratch_server(target, wanted, var=var, say=say, options=options) as (scratch, server):
        outcome = finish(target, wanted, server=server, storage=storage_of(var), say=say)
        scratch.stop()
        if old.exists():
            old.rename(old.with_name(f"{old.name}.before-{now:%Y%m%dT%H%M%SZ}"))
        layout.make_directories()
        scratch.data.rename(old)
    return outcome


def restore_into_database(
    *, target: Destination, wanted: Wanted, url: str, say: Say = lambda _text: None, work: Path
) -> Restored:
    """Load a dump into an empty database of another server, as a role that may do anything."""
    if wanted.manifest.kind != DUMP:
        raise BackupFailed(
            "Only dumps can be loaded into a running server. Restore this backup into a folder "
            "(--into DIR): DIR/postgres is the data directory for a PostgreSQL "
            f"{wanted.manifest.postgres_major}."
        )
    server = DatabaseServer(conninfo_to_dict(url))
    path = dumps.fetch_dump(target, wanted.manifest, work=work)
    say("Loading the dump.")
    dumps.load_dump(server, path)
    return finish(target, wanted, server=server, storage=default_storage, say=say)


def proof(
    *, target: Destination, wanted: Wanted, work: Path, options: Mapping[str, str] | None = None
) -> list[str]:
    """Restore the database into a scratch folder and compare; what is not as it was."""
    with (
        scratch_server(target, wanted, var=work, say=lambda _text: None, options=options) as (
            _scratch,
            server,
        ),
        server.connection() as connection,
    ):
        found = contents_of(connection)
    return compare(target, wanted, found)


@contextmanager
def scratch_server(
    target: Destination, wanted: Wanted, *, var: Path, say: Say, options: Mapping[str, str] | None
) -> Iterator[tuple[EmbeddedPostgres, DatabaseServer]]:
    """A running server with the restored database, in a folder that goes away afterwards."""
    folder = var / f"restoring-{wanted.manifest.id}"
    shutil.rmtree(folder, ignore_errors=True)
    layout = Layout(folder)
    layout.make_directories()
    postgres = None
    try:
        if wanted.manifest.kind == DUMP:
            postgres = EmbeddedPostgres(layout, options=options)
            start(postgres)
        else:
            postgres = recovered(target, wanted, layout=layout, say=say, options=options)
        server = DatabaseServer(
            {
                "host": str(layout.socket_directory),
                "user": SUPERUSER,
                "dbname": wanted.manifest.database,
            }
        )
        if wanted.manifest.kind == DUMP:
            say("Loading the dump.")
            make_empty_database(server)
            dumps.load_dump(server, dumps.fetch_dump(target, wanted.manifest, work=folder))
        yield postgres, server
    finally:
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
        if not layout.socket_directory.is_relative_to(folder):
            shutil.rmtree(layout.socket_directory, ignore_errors=True)


def make_empty_database(server: DatabaseServer) -> None:
    """From `template0`: the dump brings its extensions and rights along."""
    from psycopg import sql

    name = sql.Identifier(server.database)
    with DatabaseServer({**server.place, "dbname": "postgres"}).connection() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        statement = sql.SQL("CREATE DATABASE {} OWNER campus_owner TEMPLATE template0")
        connection.execute(statement.format(name))


def recovered(
    target: Destination,
    wanted: Wanted,
    *,
    layout: Layout,
    say: Say,
    options: Mapping[str, str] | None,
) -> EmbeddedPostgres:
    """The copies put together and brought to the wanted moment, running."""
    say("Fetching the copies.")
    work = layout.var / "work"
    work.mkdir(mode=0o700)
    chain = chain_of(target, wanted.manifest)
    data = physical.fetch_data(target, chain, work=work)
    say("Fetching the log.")
    log = work / "wal"
    fetch_segments(target, wanted.manifest, folder=log, only_history=wanted.moment is None)
    data.rename(layout.postgres_data)
    (layout.postgres_data / "recovery.signal").touch()
    recovery = {
        # From the folder of this restore; nothing of it stays in the configuration.
        "restore_command": f"cp '{log}/%f' \"%p\"",
        "recovery_target_action": "promote",
        "hot_standby": "off",  # answers when it is done
        **recovery_target(wanted),
    }
    postgres = EmbeddedPostgres(layout, options={**(options or {}), **recovery})
    postgres.ready_seconds = RECOVERY_SECONDS
    say("Bringing the database to its moment.")
    start(postgres)
    shutil.rmtree(work)
    return postgres


def start(postgres: EmbeddedPostgres) -> None:
    try:
        postgres.start()
    except EmbeddedError as error:
        hint = ""
        if "recovery ended before configured recovery target was reached" in str(error):
            hint = " The log does not reach that time: say --to-time latest for all that there is."
        raise BackupFailed(f"The restored database did not start.{hint} {error}") from error


def recovery_target(wanted: Wanted) -> dict[str, str]:
    if wanted.until:
        return {"recovery_target_time": wanted.until.astimezone(UTC).isoformat(sep=" ")}
    if wanted.moment == LATEST:
        return {}
    return {"recovery_target": "immediate"}


def storage_of(var: Path) -> Storage:
    """The images' place: a bucket as configured, or the folder below this `var`."""
    if hasattr(default_storage, "bucket"):
        return default_storage
    options = dict(settings.STORAGES["default"].get("OPTIONS", {}))
    return FileSystemStorage(**{**options, "location": var / "media"})


def finish(
    target: Destination, wanted: Wanted, *, server: DatabaseServer, storage: Storage, say: Say
) -> Restored:
    """Put the objects back and compare everything with what the backup recorded."""
    say("Putting images and files back.")
    entries = objects_of(target, wanted)
    refused = put_back(storage, target, entries)
    say("Comparing every table.")
    with server.connection() as connection:
        found = contents_of(connection)
    return Restored(
        manifest=wanted.manifest,
        tables=len(found),
        rows=sum(content.rows for content in found.values()),
        objects=len(entries) - len(refused),
        wrong=[
            *compare(target, wanted, found),
            *(f"{name!r} leads out of the storage and was not written" for name in refused),
        ],
    )


def objects_of(target: Destination, wanted: Wanted) -> dict[str, StoredObject]:
    if wanted.moment is None:
        return read_index(target, wanted.manifest)
    return entries_at(target, wanted.manifest, until=wanted.until)


def compare(target: Destination, wanted: Wanted, found: Contents) -> list[str]:
    """Only at the backup's own moment is it known what each table held."""
    before, after = recorded_contents(target, wanted.manifest)
    if wanted.moment is not None:
        return [f"{name} is missing" for name in sorted(set(after) - set(found))]
    return differences(found, before=before, after=after)


def recorded_contents(target: Destination, manifest: Manifest) -> tuple[Contents, Contents]:
    with open_file(target, manifest, CONTENTS) as source, gzip.open(source) as lines:
        return contents_from([json.loads(line) for line in lines])
