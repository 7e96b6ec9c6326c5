"""Images and other files of the storage: kept once per content, so every copy is incremental.

They are sealed by the master key already; the backup key seals them again.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.keys import content_name
from apps.backup.manifests import Manifest, open_file
from apps.backup.sealing import SealedReader, SealedWriter, buffered, compressed_writer
from apps.backup.targets import Destination
from apps.tenants.storage import as_os_error

POOL: Final = "objects/"
INDEX: Final = "objects.jsonl.gz"
CHANGES: Final = "changes/"  # of objects, between two backups
_MOMENT: Final = "%Y%m%dT%H%M%S%fZ"
_LEFTOVER: Final = re.compile(r"\.part$|/\.")


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object of the storage. The same `size` and `stamp` under the same key: not read again."""

    key: str
    size: int
    stamp: str
    digest: str = ""


StoredObjects = Mapping[str, StoredObject]


@dataclass(frozen=True, kw_only=True)
class Changes:
    added: list[StoredObject]
    removed: list[str]


def stored_objects(storage: Storage) -> Iterator[StoredObject]:
    """Everything in the storage. Raises `BackupFailed` where it does not answer."""
    try:
        with as_os_error():
            bucket = getattr(storage, "bucket", None)
            yield from _files(storage, "") if bucket is None else _bucket_objects(storage, bucket)
    except OSError as error:
        raise BackupFailed(f"The image storage does not answer: {error}") from error


def _bucket_objects(storage: Any, bucket: Any) -> Iterator[StoredObject]:
    start = f"{storage.location}/" if storage.location else ""
    for found in bucket.objects.filter(Prefix=start):
        key = found.key.removeprefix(start)
        yield StoredObject(key=key, size=found.size, stamp=f"{found.e_tag}")


def _files(storage: Storage, folder: str) -> Iterator[StoredObject]:
    try:
        folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        key = f"{folder}/{name}" if folder else name
        if _LEFTOVER.search(key):
            continue
        try:
            changed = storage.get_modified_time(key).timestamp()
            yield StoredObject(key=key, size=storage.size(key), stamp=f"{changed:.6f}")
        except FileNotFoundError:  # deleted meanwhile
            continue
    for name in sorted(folders):
        yield from _files(storage, f"{folder}/{name}" if folder else name)


def copy_objects(
    storage: Storage, target: Destination, *, known: StoredObjects
) -> dict[str, StoredObject]:
    """Copy what the target lacks; every object that the storage has now, by key."""
    pool = set(target.names(POOL))
    found = {}
    for entry in stored_objects(storage):
        old = known.get(entry.key)
        is_same = old is not None and (old.size, old.stamp) == (entry.size, entry.stamp)
        if old is not None and is_same and _pool_name(old.digest) in pool:
            found[entry.key] = old
        elif (data := _read(storage, entry.key)) is not None:
            digest = hashlib.sha256(data).digest()
            name = _pool_name(digest.hex())
            if name not in pool:
                _write(target, name, data)
                pool.add(name)
            found[entry.key] = StoredObject(
                key=entry.key, size=len(data), stamp=entry.stamp, digest=digest.hex()
            )
    return found


def _pool_name(digest: str) -> str:
    name = content_name(bytes.fromhex(digest))
    return f"{POOL}{name[:2]}/{name}"


def pool_names(entries: Iterable[StoredObject]) -> set[str]:
    return {_pool_name(entry.digest) for entry in entries}


def _read(storage: Storage, key: str) -> bytes | None:
    """None: it was deleted meanwhile."""
    try:
        with as_os_error(), storage.open(key) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupFailed(f"{key} cannot be read from the image storage: {error}") from error


def _write(target: Destination, name: str, data: bytes) -> None:
    with target.create(name) as sink:
        writer = SealedWriter(sink, name=name)
        writer.write(data)
        writer.finish()


def read_object(target: Destination, entry: StoredObject) -> bytes:
    """Raises `Damaged` where it is missing or is not what was copied."""
    name = _pool_name(entry.digest)
    try:
        with target.open(name) as source:
            data = buffered(SealedReader(source, name=name)).read()
    except FileNotFoundError as error:
        raise Damaged(f"{entry.key} ({name}) is missing in {target.label}.") from error
    if hashlib.sha256(data).hexdigest() != entry.digest:
        raise Damaged(f"{entry.key} ({name}) is not what was copied.")
    return data


def write_entries(writer: SealedWriter, lines: Iterable[Mapping[str, Any]]) -> None:
    with compressed_writer(writer) as file:
        for line in lines:
            file.write(json.dumps(line).encode() + b"\n")


def write_index(writer: SealedWriter, entries: StoredObjects) -> None:
    write_entries(writer, (asdict(entry) for entry in entries.values()))


def read_index(target: Destination, manifest: Manifest) -> dict[str, StoredObject]:
    """The objects of a backup by key."""
    with open_file(target, manifest, INDEX) as source, gzip.open(source) as lines:
        entries = [StoredObject(**json.loads(line)) for line in lines]
    return {entry.key: entry for entry in entries}


def write_changes(
    target: Destination, *, old: StoredObjects, new: StoredObjects, now: datetime
) -> Changes:
    """Note what came and went since the last note; nothing where nothing did."""
    added = [entry for key, entry in new.items() if old.get(key) != entry]
    changes = Changes(added=added, removed=sorted(set(old) - set(new)))
    if changes.added or changes.removed:
        name = f"{CHANGES}{moment_name(now)}.jsonl.gz"
        with target.create(name) as sink:
            writer = SealedWriter(sink, name=name)
            lines = [asdict(entry) for entry in changes.added]
            write_entries(writer, [*lines, *({"removed": key} for key in changes.removed)])
            writer.finish()
    return changes


def changes_after(target: Destination, moment: datetime) -> Iterator[tuple[str, Changes]]:
    """What was noted after this moment, oldest first, with when it was noted (`moment_name`)."""
    first = moment_name(moment)
    for name in sorted(target.names(CHANGES)):
        noted = name.removeprefix(CHANGES).partition(".")[0]
        if noted <= first:
            continue
        with target.open(name) as source:
            reader = buffered(SealedReader(source, name=name))
            with gzip.open(reader) as lines:
                found = [json.loads(line) for line in lines]
        yield (
            noted,
            Changes(
                added=[StoredObject(**line) for line in found if "key" in line],
                removed=[line["removed"] for line in found if "removed" in line],
            ),
        )


def moment_name(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)


def entries_at(
    target: Destination, manifest: Manifest, *, until: datetime | None, also_removed: bool = False
) -> dict[str, StoredObject]:
    """The objects of the backup, changed by what was noted since then (None: all of it).

    The first note after `until` tells what came before it, so what it adds counts, and what it
    removes does not: rather an object too many than one too few. `also_removed`: with those that
    went.
    """
    entries = read_index(target, manifest)
    last = moment_name(until) if until else "~"
    for noted, changes in changes_after(target, manifest.started):
        entries.update((entry.key, entry) for entry in changes.added)
        if noted > last:
            break
        for key in () if also_removed else changes.removed:
            entries.pop(key, None)
    return entries


def put_back(
    storage: Storage,
    target: Destination,
    entries: StoredObjects,
    *,
    track: Callable[[Any], Any] = iter,
) -> list[str]:
    """Write these objects into the storage, and over others of the same name.

    Returns the names that it refuses: in a bucket anybody who may write there can call an object
    `../x`, which must neither be written outside a folder nor keep the others from coming back.
    """
    refused = []
    for entry in track(list(entries.values())):
        try:
            there = _read(storage, entry.key) if storage.exists(entry.key) else None
        except SuspiciousFileOperation:
            refused.append(entry.key)
            continue
        if there is not None and hashlib.sha256(there).hexdigest() == entry.digest:
            continue
        data = read_object(target, entry)
        try:
            with as_os_error():
                if there is not None:
                    storage.delete(entry.key)
                name = storage.save(entry.key, ContentFile(data))
        except OSError as error:
            raise BackupFailed(f"{entry.key} cannot be written: {error}") from error
        if name != entry.key:
            raise BackupFailed(f"{entry.key} cannot be written: something else has its name.")
    return refused
