"""What an archive holds beside its rows, and its files on their way into the storage."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.backup.errors import BackupFailed, Damaged
from apps.common.crypto import SealBroken
from apps.moving.archive import Record
from apps.moving.ids import Ids
from apps.tenants.moving import Keys, travel_keys
from apps.tenants.storage import as_os_error


@dataclass(kw_only=True)
class Contents:
    """What the first reading found: everything but the rows and the files."""

    head: dict[str, Any]
    campus_id: int
    accounts: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    history: dict[UUID, bytes] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    files: int = 0

    @property
    def source(self) -> Keys:
        return travel_keys(bytes.fromhex(self.head["travel_key"]))

    def ids(self) -> Ids:
        return Ids(campus=(self.head["campus_id"], self.campus_id), mark=self.head["id"][:8])


def file_take(record: Record, contents: Contents, target: Keys, *, commit: bool) -> None:
    facts = record.facts
    context = bytes.fromhex(facts["context"])
    try:
        plain = contents.source.unseal(facts["purpose"], record.content(), context=context)
    except SealBroken as error:
        raise Damaged(f"{facts['key']} in the archive was changed.") from error
    if hashlib.sha256(plain).hexdigest() != facts["sha256"]:
        raise Damaged(f"{facts['key']} in the archive is not what was exported.")
    contents.files += 1
    if not commit:
        return
    key = contents.ids().key_here(facts["key"])
    own = key.encode() if context == facts["key"].encode() else context
    if not _is_there(key, facts["purpose"], own, target):
        contents.written.append(key)
        _store(key, target.seal(facts["purpose"], plain, context=own))


def _is_there(key: str, purpose: str, context: bytes, target: Keys) -> bool:
    """Whether an interrupted import of this archive put it there.

    Raises `BackupFailed` where something else has the name; what is broken in the folder of the
    new campus goes.
    """
    try:
        with as_os_error():
            if not default_storage.exists(key):
                return False
            with default_storage.open(key) as stream:
                sealed = stream.read()
        target.unseal(purpose, sealed, context=context)
    except SuspiciousFileOperation as error:
        raise Damaged(f"{key!r} in the archive leads out of the storage.") from error
    except SealBroken as error:
        if not key.rpartition("/")[0].endswith(f"/{target.campus_id}"):
            raise BackupFailed(f"{key} is in the storage already, as another campus's.") from error
        default_storage.delete(key)
        return False
    except OSError as error:
        raise BackupFailed(f"{key} cannot be read: {error}. Nothing was imported.") from error
    return True


def _store(key: str, data: bytes) -> None:
    try:
        with as_os_error():
            name = default_storage.save(key, ContentFile(data))
    except OSError as error:
        raise BackupFailed(f"{key} cannot be written: {error}. Nothing was imported.") from error
    if name != key:
        default_storage.delete(name)
        raise BackupFailed(f"{key} cannot be written: something else has its name.")


def files_take_back(written: list[str]) -> None:
    for key in written:
        try:
            with as_os_error():
                default_storage.delete(key)
        except OSError:
            return  # the next import of this archive finds it
