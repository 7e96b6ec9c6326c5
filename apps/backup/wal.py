"""The write-ahead log between two backups: what brings the database to any moment.

PostgreSQL puts finished segments into a folder (`archive_command`); a task seals them, takes them
to the target and deletes them here.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.manifests import Manifest
from apps.backup.sealing import SealedReader, SealedWriter, buffered, compressed_writer
from apps.backup.targets import Destination

FOLDER: Final = "wal/"
SUFFIX: Final = ".gz"
_NAME: Final = re.compile(r"[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")


def waiting_segments(spool: Path) -> list[Path]:
    """Oldest first, as their names are."""
    if not spool.is_dir():
        return []
    return sorted(path for path in spool.iterdir() if _NAME.fullmatch(path.name))


def ship_segments(target: Destination, *, system: str, spool: Path) -> int:
    """Take every waiting segment to the target; returns how many.

    Raises `BackupFailed` where another one of the same name is there: two servers, both restored
    from the same backup, would otherwise spoil each other's.
    """
    there = target.names(f"{FOLDER}{system}/")
    shipped = 0
    for path in waiting_segments(spool):
        name = f"{FOLDER}{system}/{path.name}{SUFFIX}"
        data = path.read_bytes()
        if name not in there:
            with target.create(name) as sink:
                writer = SealedWriter(sink, name=name)
                with compressed_writer(writer) as packed:
                    packed.write(data)
                writer.finish()
        elif _read(target, name) != data:
            raise BackupFailed(
                f"{target.label} has another {path.name} of this server: another copy of it ships "
                "there too. Give each its own BACKUP_TO."
            )
        path.unlink()
        shipped += 1
    return shipped


def _read(target: Destination, name: str) -> bytes:
    with target.open(name) as source:
        return _unpacked(source, name)


def _unpacked(source: IO[bytes], name: str) -> bytes:
    with gzip.open(buffered(SealedReader(source, name=name))) as packed:
        return packed.read()


def segments_for(target: Destination, manifest: Manifest) -> Iterator[str]:
    """Names of what was shipped since this backup began, of all timelines."""
    for name in sorted(target.names(f"{FOLDER}{manifest.system}/")):
        segment = name.rpartition("/")[2].removesuffix(SUFFIX)
        if not _SEGMENT.fullmatch(segment) or segment[8:] >= manifest.segment[8:]:
            yield name


def fetch_segments(
    target: Destination, manifest: Manifest, *, folder: Path, only_history: bool = False
) -> int:
    """Unsealed into `folder`, for PostgreSQL to read; returns how many segments.

    `only_history`: which timelines there are, so that the restored server begins a new one.
    """
    folder.mkdir(mode=0o700)
    fetched = 0
    for name in segments_for(target, manifest):
        plain = name.rpartition("/")[2].removesuffix(SUFFIX)
        if only_history and not plain.endswith(".history"):
            continue
        try:
            (folder / plain).write_bytes(_read(target, name))
        except (OSError, EOFError) as error:
            raise Damaged(f"{name} cannot be unpacked: {error}") from error
        fetched += bool(_SEGMENT.fullmatch(plain))
    return fetched


def delete_segments_before(target: Destination, oldest: Manifest) -> int:
    """Of the server of this backup, what no kept backup needs."""
    deleted = 0
    for name in target.names(f"{FOLDER}{oldest.system}/"):
        segment = name.rpartition("/")[2].removesuffix(SUFFIX)
        if _SEGMENT.match(segment) and segment[8:24] < oldest.segment[8:]:
            target.delete(name)
            deleted += 1
    return deleted
