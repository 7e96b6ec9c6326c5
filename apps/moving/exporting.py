"""Writing one campus into an archive, as of one moment, while people go on working."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from apps.accounts.models import User
from apps.audit.models import Root
from apps.audit.services import Actor, log_event, log_platform_event
from apps.audit.services.moving import LogState, log_digests, log_look, log_settle
from apps.audit.services.roots import as_dict
from apps.backup.errors import BackupFailed
from apps.backup.sealing import Lock
from apps.backup.targets import Destination
from apps.biometrics.models import FaceModel
from apps.common.crypto import KEY_BYTES, SealBroken
from apps.moving.archive import MANIFEST, SUFFIX, ArchiveWriter, create_archive, place_of
from apps.moving.catalogue import (
    ACCOUNTS,
    MODELS,
    STAYS,
    Table,
    Tally,
    campus_tables,
    read_rows,
    schema_fingerprint,
)
from apps.ops.versions import campus_version
from apps.tenants.models import Campus
from apps.tenants.moving import Keys, Row, live_keys, moved_rows, travel_keys
from apps.tenants.rotation import SealedFile, sealed_files
from apps.tenants.scope import campus_scope, current_campus_id, platform_scope
from apps.tenants.storage import as_os_error

FORMAT: Final = "campus-archive"
VERSION: Final = 1
ONE_MOMENT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
PATIENCE: Final = (
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL timezone = 'UTC'"
)
CAMPUS_FIELDS: Final = (
    *("slug", "name", "time_zone", "email_domains", "verified_domains"),
    *("years_of_study", "face_enabled", "language", "logo", "shows_first_steps"),
)


@dataclass(kw_only=True)
class Exported:
    """What is in the archive, and what is not: `missing` objects, rows that stay by table."""

    id: str
    place: str
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: int = 0
    missing: list[str] = field(default_factory=list)
    stays: dict[str, int] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(int(table["rows"]) for table in self.tables.values())


@dataclass(kw_only=True)
class _Seen:
    """What the rows of the campus refer to."""

    ids: dict[str, set[int]] = field(default_factory=lambda: {ACCOUNTS: set(), MODELS: set()})

    def note(self, table: Table, row: Row) -> None:
        for column, target in table.refers.items():
            if target in self.ids and row[column] is not None:
                self.ids[target].add(row[column])


def campus_export(
    *, campus: Campus, to: str, lock: Lock, broken_log: bool, now: datetime, actor: Actor
) -> Exported:
    """Raises `BackupFailed`; then there is no file. `broken_log`: also where the log has a break.

    One REPEATABLE READ transaction: all tables as of one moment. Nothing is locked.
    """
    if settings.CAMPUS_OLD_MASTER_KEY:
        raise BackupFailed("Finish manage.py rotate_master_key first: two master keys are given.")
    with campus_scope(campus):
        log_settle(now=now)
    target, name = place_of(to, name=f"{campus.slug}-{now:%Y%m%dT%H%M%SZ}{SUFFIX}")
    refuse_existing(target, name)
    made = Exported(id=uuid4().hex, place=f"{target.label}/{name}")
    travel = os.urandom(KEY_BYTES)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_MOMENT)
        head = _head(made.id, campus, travel, now)
        with platform_scope():
            roots = [as_dict(root) for root in Root.objects.filter(campus=campus).order_by("day")]
        with campus_scope(campus):
            state = _looked_at(broken_log=broken_log)
            with connection.cursor() as cursor:
                cursor.execute(PATIENCE)
            with create_archive(target, name, lock=lock, head=head) as archive:
                archive.lines("roots", roots)
                _write(archive, made, state, source=live_keys(campus.pk), travel=travel)
    data = {"archive": made.id, "rows": made.rows, "files": made.files}
    with campus_scope(campus):
        log_event(actor=actor, action="tenants.campus.exported", now=now, target=campus, data=data)
    log_platform_event(
        actor=actor, action="platform.campus.exported", now=now, target=campus, data=data
    )
    return made


def refuse_existing(target: Destination, name: str) -> None:
    with suppress(FileNotFoundError), target.open(name):
        raise BackupFailed(f"{name} is in {target.label} already: give another name.")


def _head(archive_id: str, campus: Campus, travel: bytes, now: datetime) -> dict[str, Any]:
    campus = Campus.objects.get(pk=campus.pk)
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": archive_id,
        "campus_version": campus_version(),
        "schema": schema_fingerprint(),
        "made_at": now.isoformat(),
        "campus_id": campus.pk,
        "campus": {name: getattr(campus, name) for name in CAMPUS_FIELDS},
        "hosts": list(campus.domains.order_by("pk").values_list("host", flat=True)),
        "travel_key": travel.hex(),
    }


def _looked_at(*, broken_log: bool) -> LogState:
    state = log_look()
    if state.problems and not broken_log:
        raise BackupFailed(
            f"The campus's audit log does not hold: {state.problems[0]}. See manage.py "
            "verify_audit. With --broken-log it is moved all the same: entries that were changed "
            "stay found as changed, and the new installation's log names the problems."
        )
    return state


def _write(
    archive: ArchiveWriter, made: Exported, state: LogState, *, source: Keys, travel: bytes
) -> None:
    seen, target = _Seen(), travel_keys(travel)
    reseal = {rows.table: rows.reseal for rows in moved_rows().values()}
    for table in campus_tables().values():
        if table.name in STAYS:
            made.stays[table.name] = _count(table.name)
            continue
        tally = Tally(table)

        def rows(table: Table = table, tally: Tally = tally) -> Iterator[Row]:
            for before in read_rows(table.name):
                row = dict(before)
                if table.name in reseal:
                    reseal[table.name](row, before, source, target)
                tally.add(row)
                seen.note(table, row)
                yield row

        archive.lines(f"tables/{table.name}", rows(), table=table.name)
        made.tables[table.name] = tally.as_json()
    archive.lines("history", log_digests(doubtful=state.doubtful))
    archive.lines("accounts", _accounts(seen.ids[ACCOUNTS]))
    archive.lines("models", _models(seen.ids[MODELS]))
    _write_files(archive, made, source, target)
    made.log = {"sealed": state.sealed, "problems": state.problems, "doubtful": state.doubtful}
    manifest = {
        "tables": made.tables,
        "files": made.files,
        "missing": made.missing,
        "stays": made.stays,
        "log": made.log,
    }
    archive.lines(MANIFEST, [manifest])


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        statement = f'SELECT count(*) FROM "{table}" WHERE campus_id = %s'  # noqa: S608
        cursor.execute(statement, [current_campus_id()])
        return int(cursor.fetchone()[0])


def _accounts(ids: set[int]) -> Iterable[dict[str, Any]]:
    """Who they are, and nothing that they sign in with: that is theirs and this platform's."""
    fields = ("id", "email", "name", "language", "is_active")
    return User.objects.filter(pk__in=ids).order_by("pk").values(*fields)


def _models(ids: set[int]) -> Iterable[dict[str, Any]]:
    fields = (
        *("id", "name", "version", "dimension", "metric", "threshold", "sha256", "detector"),
        *("margins", "campus_margins"),
    )
    return FaceModel.objects.filter(pk__in=ids).order_by("pk").values(*fields)


def _write_files(archive: ArchiveWriter, made: Exported, source: Keys, target: Keys) -> None:
    """Each opened and sealed for the archive. One that cannot be opened is named, not moved."""
    for files in sealed_files().values():
        for file in files():
            plain = _opened(file, source)
            if plain is None:
                made.missing.append(file.key)
                continue
            sealed = target.seal(file.purpose, plain, context=file.context)
            archive.record(
                "file",
                [sealed],
                key=file.key,
                purpose=file.purpose,
                context=file.context.hex(),
                sha256=hashlib.sha256(plain).hexdigest(),
            )
            made.files += 1


def _opened(file: SealedFile, source: Keys) -> bytes | None:
    try:
        with as_os_error(), default_storage.open(file.key) as stream:
            sealed = stream.read()
        return source.unseal(file.purpose, sealed, context=file.context)
    except (FileNotFoundError, SealBroken):
        return None
    except OSError as error:
        raise BackupFailed(f"{file.key} cannot be read from the image storage: {error}") from error
