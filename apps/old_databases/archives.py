"""A ZIP of the files of an old system, unpacked into a folder: bounded, and nowhere else."""

import stat
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid

ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # of an empty one
MAX_MEMBERS: Final = 20_000
MAX_UNPACKED: Final = 2**30  # bytes, over all members
MAX_RATIO: Final = 200  # unpacked : packed, of what is larger than RATIO_FROM; dumps pack 20 : 1
RATIO_FROM: Final = 64 * 2**20
MAX_DEPTH: Final = 20
PART: Final = 2**20
_PASSED_OVER: Final = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_BROKEN: Final = (
    *(zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, RuntimeError),
    *(zlib.error, LZMAError),
)


def is_archive(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in ZIP


def archive_unpack(path: Path, into: Path) -> Path:
    """What the archive holds: its one file, or the folder; folders around that are left away.

    Raises `Invalid` for what is no ZIP, is encrypted or damaged, would unpack to more than
    MAX_UNPACKED bytes, or has names that lead out of the folder, links and the like.
    """
    into.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive)
            left = MAX_UNPACKED
            for member in archive.infolist():
                name = _name(member)
                if member.is_dir() or name.name in _PASSED_OVER or name.parts[0] in _PASSED_OVER:
                    continue
                target = into / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("xb") as copy:
                    left -= _copy(source, copy, left)
    except _BROKEN as error:
        message = _("The archive cannot be read: it is damaged, or no ZIP.")
        raise Invalid("archive_unreadable", message) from error
    return _inner(into)


def _check(archive: zipfile.ZipFile) -> None:
    """What the directory promises."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        message = _("The archive holds more than %(count)d files. Move in by the command.")
        raise Invalid("archive_too_large", message % {"count": MAX_MEMBERS})
    for member in members:
        if member.flag_bits & 0x1:
            message = _("The archive is protected by a password. Pack it without one.")
            raise Invalid("archive_encrypted", message)
        packed = max(member.compress_size, 1)
        if member.file_size > RATIO_FROM and member.file_size > MAX_RATIO * packed:
            raise _too_large()
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise _too_large()


def _name(member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's place below the folder. Raises `Invalid`, with the name."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    name = PurePosixPath(member.filename.replace("\\", "/"))
    parts = name.parts
    leads_out = name.is_absolute() or ".." in parts or (parts and parts[0].endswith(":"))
    if leads_out or not parts or len(parts) > MAX_DEPTH:
        message = _("The archive has a name that leads out of its folder: “%s”.")
        raise Invalid("archive_outside", message % member.filename[:100])
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        message = _("The archive has a link or a device: “%s”. Pack files and folders only.")
        raise Invalid("archive_link", message % member.filename[:100])
    return name


def _copy(source: IO[bytes], copy: IO[bytes], left: int) -> int:
    """Bytes that were written; a member that is longer than it said ends at what is left."""
    written = 0
    while part := source.read(PART):
        written += len(part)
        if written > left:
            raise _too_large()
        copy.write(part)
    return written


def _inner(folder: Path) -> Path:
    for _level in range(MAX_DEPTH):
        found = list(folder.iterdir())
        if len(found) != 1:
            break
        folder = found[0]
        if folder.is_file():
            break
    return folder


def _too_large() -> Invalid:
    message = _("The archive unpacks to more than %(gb)d GB. Move in by the command.")
    return Invalid("archive_too_large", message % {"gb": MAX_UNPACKED >> 30})
