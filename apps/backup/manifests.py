"""The manifest of a backup: written last and signed, so a backup without one does not exist."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import IO, Any, Final

from apps.backup.errors import BackupFailed, Damaged, OtherBackupKey
from apps.backup.keys import is_signed, key_fingerprint, sign
from apps.backup.sealing import SealedReader, SealedWriter, buffered
from apps.backup.targets import Destination

FOLDER: Final = "backups/"
MANIFEST: Final = "manifest.json"
FORMAT: Final = "campus-backup"
VERSION: Final = 1

FULL: Final = "full"
INCREMENTAL: Final = "incremental"
DUMP: Final = "dump"
LATEST: Final = "latest"


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a backup as it lies there: `size` and `sha256` of the sealed bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup is. Readable without a key; tables and images are counted, not named.

    `parent`: the backup that an incremental one builds on. `segment`: the first of the write-ahead
    log that it needs, of the server with the identifier `system`. `master_key`: the check value of
    the key that its content was sealed under.
    """

    id: str
    kind: str
    parent: str | None
    started_at: str
    finished_at: str
    campus_version: str
    database: str
    postgres_major: int
    master_key: str
    backup_key: str
    tables: int
    rows: int
    objects: int
    objects_size: int
    system: str = ""
    timeline: int = 0
    segment: str = ""
    files: list[File] = field(default_factory=list)

    @property
    def started(self) -> datetime:
        return datetime.fromisoformat(self.started_at)

    @property
    def finished(self) -> datetime:
        return datetime.fromisoformat(self.finished_at)

    @property
    def size(self) -> int:
        """Bytes of its own files, without the objects that backups share."""
        return sum(file.size for file in self.files)

    def file(self, name: str) -> File:
        for file in self.files:
            if file.name == name:
                return file
        raise BackupFailed(f"The backup {self.id} has no {name}.")


def write_manifest(target: Destination, manifest: Manifest) -> None:
    body = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    signature = sign(_canonical(body)).hex()
    with target.create(f"{FOLDER}{manifest.id}/{MANIFEST}") as file:
        file.write(json.dumps({**body, "signature": signature}, indent=1).encode() + b"\n")


def read_manifest(target: Destination, backup_id: str) -> Manifest:
    """Raises `Damaged` where it is not what was signed, `BackupFailed` where there is none."""
    try:
        with target.open(f"{FOLDER}{backup_id}/{MANIFEST}") as file:
            text = file.read()
    except FileNotFoundError as error:
        raise BackupFailed(f"There is no backup {backup_id} in {target.label}.") from error
    try:
        body = json.loads(text)
        signature = bytes.fromhex(body.pop("signature"))
        named = body.pop("format"), body.pop("version")
        files = [File(**file) for file in body.pop("files")]
        manifest = Manifest(**body, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"The manifest of {backup_id} cannot be read.") from error
    if manifest.backup_key != key_fingerprint():
        raise OtherBackupKey(
            f"The backup {backup_id} was made under another BACKUP_KEY. Expected: the key with the "
            f"fingerprint {manifest.backup_key}. Given: {key_fingerprint()}."
        )
    signed = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    is_right = named == (FORMAT, VERSION) and manifest.id == backup_id
    if not is_right or not is_signed(_canonical(signed), signature):
        raise Damaged(f"The manifest of {backup_id} was changed: its signature does not fit.")
    return manifest


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def backup_ids(target: Destination) -> list[str]:
    """Backups that are complete, oldest first; their manifests may still be damaged."""
    names = target.names(FOLDER)
    return sorted(name.split("/")[1] for name in names if name.endswith(f"/{MANIFEST}"))


def good_backups(target: Destination) -> tuple[list[Manifest], list[str]]:
    """Those that can be read, oldest first, and what is wrong with the others."""
    good, wrong = [], []
    for backup_id in backup_ids(target):
        try:
            good.append(read_manifest(target, backup_id))
        except Damaged as error:
            wrong.append(str(error))
    return good, wrong


def confirm_backup_key(target: Destination) -> None:
    """Raises `OtherBackupKey` where there are backups, and none of them is under the given key.

    What one start with a wrong key writes there would stay when the right one is given again: a
    segment of the log that nobody can read ends every restore that comes to it.
    """
    problem: OtherBackupKey | None = None
    for backup_id in reversed(backup_ids(target)):
        try:
            read_manifest(target, backup_id)
        except OtherBackupKey as error:
            problem = problem or error
        except Damaged:
            continue
        else:
            return
    if problem is not None:
        raise OtherBackupKey(
            f"{problem} Nothing was written to {target.label}: give that key, or another place for "
            "backups under the new one."
        )


def chain_of(target: Destination, manifest: Manifest) -> list[Manifest]:
    """The full backup first, then each that builds on the one before. Raises `BackupFailed`."""
    chain = [manifest]
    while chain[0].parent is not None:
        chain.insert(0, read_manifest(target, chain[0].parent))
    return chain


class FileSet:
    """The files of a backup in the making: sealed, with what the manifest says about each."""

    def __init__(self, target: Destination, backup_id: str) -> None:
        self._target = target
        self._folder = f"{FOLDER}{backup_id}/"
        self.files: list[File] = []

    @contextmanager
    def create(self, name: str) -> Iterator[SealedWriter]:
        path = self._folder + name
        with self._target.create(path) as sink:
            writer = SealedWriter(sink, name=path)
            yield writer
            writer.finish()
        self.files.append(File(name=name, size=writer.size, sha256=writer.digest.hexdigest()))

    def remove(self) -> None:
        """Nothing stays of a backup that failed."""
        for name in self._target.names(self._folder):
            self._target.delete(name)


@contextmanager
def open_file(target: Destination, manifest: Manifest, name: str) -> Iterator[IO[bytes]]:
    """The unsealed bytes. Raises `Damaged`, also while they are read."""
    manifest.file(name)
    path = f"{FOLDER}{manifest.id}/{name}"
    try:
        with target.open(path) as source:
            yield buffered(SealedReader(source, name=path))
    except FileNotFoundError as error:
        raise Damaged(f"{path} is missing in {target.label}.") from error
