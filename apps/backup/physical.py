"""Physical copies of the database server: whole, or what changed since another one."""

import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from apps.backup.errors import BackupFailed, Damaged, NothingToBuildOn
from apps.backup.manifests import FileSet, Manifest, open_file
from apps.backup.sealing import compressed_writer
from apps.backup.server import DatabaseServer, run_tool
from apps.backup.targets import Destination

ARCHIVE: Final = "base.tar.gz"
COPY_LIST: Final = "backup_manifest"  # PostgreSQL's own: an incremental copy needs the one before
_SEGMENT: Final = re.compile(r"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy in a folder of this machine. `segment`: the first of the log that it needs."""

    folder: Path
    system: str
    timeline: int
    segment: str


def make_copy(server: DatabaseServer, *, folder: Path, since: Path | None) -> Copy:
    """Copy the server into `folder`; with the list of an earlier copy, what changed `since`.

    Raises `NothingToBuildOn` where the server does not know what changed since. The copy holds the
    write-ahead log that it needs, so it can be restored without an archive of it. Every file is
    compared with PostgreSQL's list of checksums before it leaves this machine.
    """
    arguments: list[str | Path] = ["-D", folder, "-X", "stream", "--checkpoint=fast", "--no-sync"]
    if since is not None:
        arguments.append(f"--incremental={since}")
    try:
        server.tool("pg_basebackup", *arguments, "--manifest-checksums=SHA256", "-l", "campus")
    except BackupFailed as error:
        if since is None:
            raise
        raise NothingToBuildOn(f"No incremental copy: {error}") from error
    verify_copy(folder)
    written = json.loads((folder / COPY_LIST).read_text())
    label = _SEGMENT.search((folder / "backup_label").read_text())
    if label is None:
        raise BackupFailed("pg_basebackup left no backup_label that can be read.")
    return Copy(
        folder=folder,
        system=str(written["System-Identifier"]),
        timeline=written["WAL-Ranges"][-1]["Timeline"],
        segment=label[1],
    )


def verify_copy(folder: Path) -> None:
    run_tool("pg_verifybackup", "--quiet", folder)


def store_copy(copy: Copy, files: FileSet) -> None:
    with files.create(COPY_LIST) as writer:
        writer.write((copy.folder / COPY_LIST).read_bytes())
    with (
        files.create(ARCHIVE) as writer,
        compressed_writer(writer) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        archive.add(copy.folder, arcname=".")


def fetch_list(target: Destination, manifest: Manifest, *, folder: Path) -> Path:
    path = folder / f"{manifest.id}.list"
    with open_file(target, manifest, COPY_LIST) as source:
        path.write_bytes(source.read())
    return path


def fetch_data(target: Destination, chain: list[Manifest], *, work: Path) -> Path:
    """The data directory that this chain of copies makes, checked; in a folder below `work`."""
    folders = [_unpack(target, manifest, work / manifest.id) for manifest in chain]
    if len(folders) == 1:
        data = folders[0]
    else:
        data = work / "combined"
        run_tool("pg_combinebackup", *folders, "-o", data, "--manifest-checksums=SHA256")
    verify_copy(data)
    data.chmod(0o700)
    return data


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Every file of an archive, none of them outside the folder.

    Python 3.11 has the filter from 3.11.4 on, Debian 12 has 3.11.2: there nothing but plain files
    and folders below this one is taken. Raises `tarfile.TarError`.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    for member in archive:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise tarfile.ExtractError(f"{member.name} does not belong into this archive.")
        archive.extract(member, folder, set_attrs=False)
        (folder / path).chmod((member.mode & 0o755) | (0o700 if member.isdir() else 0o600))


def _unpack(target: Destination, manifest: Manifest, folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    try:
        with (
            open_file(target, manifest, ARCHIVE) as source,
            tarfile.open(fileobj=source, mode="r|gz") as archive,
        ):
            extract(archive, folder)
    except (tarfile.TarError, EOFError) as error:
        raise Damaged(f"The archive of {manifest.id} cannot be unpacked: {error}") from error
    return folder
