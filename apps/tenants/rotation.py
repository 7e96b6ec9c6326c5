"""Replacing the master key: what it sealed is sealed anew, then the old key is refused.

Every app says here what it has sealed. Rows are done first, while the platform is stopped; files
afterwards, while it runs and reads what either key sealed. Both may be interrupted and run again:
what is sealed under the new key already is left alone.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import QuerySet

from apps.common.crypto import (
    PLATFORM,
    OlderKey,
    SealBroken,
    check_value,
    fingerprint,
    resealed,
    seal,
    unseal_under,
)
from apps.tenants.master_key import (
    accepting_the_old_key,
    given_value,
    recorded_value,
    rows_are_renewed,
)
from apps.tenants.roles import keep_signing_keys
from apps.tenants.scope import campus_scope, current_campus_id, platform_scope

PURPOSE: Final = "retired-master-key"
_OLDER: Final = """
    SELECT check_value, sealed_key, retired_at FROM tenants_masterkey
    WHERE sealed_key IS NOT NULL ORDER BY id DESC
"""


class RotationRefused(CommandError):
    """The master key cannot be replaced like this; the message says why."""


@dataclass(frozen=True, kw_only=True)
class SealedFile:
    """An object of the storage, what it was sealed for, and the row by which it is known.

    Who deletes the object changes or deletes that row before, in the same transaction.
    """

    key: str
    purpose: str
    context: bytes
    named_by: QuerySet[Any]


Renew = Callable[[], int]
"""Seal the entered campus's rows anew; returns how many."""
Files = Callable[[], Iterable[SealedFile]]

_rows: dict[str, Renew] = {}
_platform_rows: dict[str, Renew] = {}
_files: dict[str, Files] = {}
_vacuumed: dict[str, str] = {}


def add_sealed_rows(name: str, renew: Renew, *, platform: bool = False, vacuumed: str = "") -> None:
    """Rows of a campus, or of none. Adding twice counts once. `vacuumed`: the table from whose
    file the old versions go too."""
    (_platform_rows if platform else _rows)[name] = renew
    if vacuumed:
        _vacuumed[name] = vacuumed


def add_sealed_files(name: str, files: Files) -> None:
    """The entered campus's objects in the default storage."""
    _files[name] = files


def sealed_rows(*, platform: bool = False) -> dict[str, Renew]:
    """What apps have named, by name: of the entered campus, or of the platform."""
    return dict(_platform_rows if platform else _rows)


def sealed_files() -> dict[str, Files]:
    return dict(_files)


def resealed_value(purpose: str, sealed: bytes, *, context: bytes = b"") -> bytes | None:
    """Of the entered campus: sealed under the current key, or None where it is."""
    return resealed(purpose, current_campus_id(), bytes(sealed), context=context)


def confirm_keys(*, owner: str) -> bool:
    """Whether there is something to do; False: the database is under the given key.

    Raises `RotationRefused` where the two keys are not the database's and a new one.
    """
    with accepting_the_old_key():
        connections[owner].ensure_connection()
        recorded = recorded_value(connections[owner].connection)
    if recorded is None:
        raise RotationRefused("The database knows no master key yet: run manage.py migrate.")
    if recorded == given_value():
        return False
    old = settings.CAMPUS_OLD_MASTER_KEY
    if not old or check_value(old) != recorded:
        raise RotationRefused(
            "CAMPUS_OLD_MASTER_KEY must be the key that the database was written under (fingerprint"
            f" {fingerprint(recorded)}), and CAMPUS_MASTER_KEY the new one."
        )
    return True


def rows_are_done(*, owner: str) -> bool:
    """Whether an earlier run has sealed the rows anew, so that the platform may be running."""
    with accepting_the_old_key():
        connections[owner].ensure_connection()
        return rows_are_renewed(connections[owner].connection)


def rows_reseal(*, campuses: Iterable[Any], owner: str) -> dict[str, int]:
    """All rows, campus by campus in one transaction each. The platform is stopped meanwhile.

    From then on processes start under both keys.
    """
    done: dict[str, int] = {}
    with accepting_the_old_key():
        with connections[owner].cursor() as cursor:
            keep_signing_keys(cursor)
        with platform_scope():
            for name, renew in _platform_rows.items():
                done[name] = renew()
        for campus in campuses:
            with campus_scope(campus):
                for name, renew in _rows.items():
                    done[name] = done.get(name, 0) + renew()
        _keep_old_keys(owner=owner)
        with connections[owner].cursor() as cursor:
            for table in _vacuumed.values():
                cursor.execute(f"VACUUM (FULL) {connections[owner].ops.quote_name(table)}")
    return done


def _keep_old_keys(*, owner: str) -> None:
    """Sealed under the new one: the audit log and hashes need them, and backups made before."""
    olds = {check_value(older.master): older.master for older in _stored_keys(owner)}
    olds[check_value(settings.CAMPUS_OLD_MASTER_KEY)] = settings.CAMPUS_OLD_MASTER_KEY
    with connections[owner].cursor() as cursor:
        for value, master in olds.items():
            cursor.execute(
                "UPDATE tenants_masterkey SET sealed_key = %s WHERE check_value = %s",
                [seal(PURPOSE, PLATFORM, master, context=value), value],
            )


def files_reseal(*, campuses: Iterable[Any]) -> dict[str, int]:
    """All objects, one by one. One that cannot be opened by either key stops it, by name."""
    done: dict[str, int] = {}
    for campus in campuses:
        for name, files in _files.items():
            with campus_scope(campus):
                found = list(files())
            for file in found:
                with campus_scope(campus):
                    done[name] = done.get(name, 0) + _file_reseal(file)
    return done


def _file_reseal(file: SealedFile) -> bool:
    """In a transaction of its own: the row is held, so that nobody deletes the object before the
    new bytes are in its place, which would bring it back."""
    if not file.named_by.select_for_update(of=("self",)).values_list("pk").first():
        return False  # purged meanwhile
    try:
        with default_storage.open(file.key) as stream:
            sealed = stream.read()
        new = resealed_value(file.purpose, sealed, context=file.context)
    except FileNotFoundError:  # lost before: `doctor` names it
        return False
    except SealBroken as error:
        raise RotationRefused(
            f"{file.key} opens under neither key: it was damaged before. Restore or delete it, "
            "then run this again."
        ) from error
    if new is not None:
        overwrite(file.key, new)
    return new is not None


def overwrite(key: str, data: bytes) -> None:
    """Put these bytes in the place of an object, which is there as the one or the other.

    Call it with the object's row locked.
    """
    storage: Any = default_storage
    if hasattr(storage, "bucket"):
        name = f"{storage.location}/{key}" if storage.location else key
        storage.bucket.Object(name).put(Body=data)
        return
    path = Path(storage.path(key))
    draft = storage.save(f"{key}.{os.getpid()}.part", ContentFile(data))
    Path(storage.path(draft)).replace(path)


def rotation_finish(*, owner: str, now: datetime) -> None:
    """From here on the database is under the new key, and the old one is refused."""
    old = check_value(settings.CAMPUS_OLD_MASTER_KEY)
    with (
        accepting_the_old_key(),
        transaction.atomic(using=owner),
        connections[owner].cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE tenants_masterkey SET retired_at = %s WHERE check_value = %s", [now, old]
        )
        cursor.execute(
            "INSERT INTO tenants_masterkey (check_value, created_at) VALUES (%s, %s)",
            [given_value(), now],
        )
    forget_older_keys()


def older_master_keys() -> tuple[OlderKey, ...]:
    """Those that were replaced, newest first; the one that is being replaced is among them."""
    return _older_than(settings.CAMPUS_MASTER_KEY, settings.CAMPUS_OLD_MASTER_KEY)


@lru_cache(maxsize=4)
def _older_than(_given: bytes, old: bytes) -> tuple[OlderKey, ...]:
    """Read once: processes start again when the key is replaced."""
    found = _stored_keys(DEFAULT_DB_ALIAS)
    if old and old not in {older.master for older in found}:
        found.insert(0, OlderKey(master=old, until=None))
    return tuple(found)


def forget_older_keys() -> None:
    _older_than.cache_clear()


def _stored_keys(alias: str) -> list[OlderKey]:
    keys = []
    for value, sealed, retired_at in _rows_of_older(alias):
        for master in filter(None, (settings.CAMPUS_MASTER_KEY, settings.CAMPUS_OLD_MASTER_KEY)):
            try:
                opened = unseal_under(
                    master, PURPOSE, PLATFORM, bytes(sealed), context=bytes(value)
                )
            except SealBroken:
                continue
            keys.append(OlderKey(master=opened, until=retired_at))
            break
    return keys


def _rows_of_older(alias: str) -> list[tuple[Any, ...]]:
    connections[alias].ensure_connection()
    # By the driver itself: no scope of a campus may take notice of this.
    with connections[alias].connection.cursor() as cursor:
        cursor.execute(_OLDER)
        return list(cursor.fetchall())
