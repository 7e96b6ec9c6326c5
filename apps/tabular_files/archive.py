"""What a workbook's zip directory says, looked at before anything is unpacked."""

import io
import lzma
import zipfile
import zlib

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.tabular_files.limits import MAX_MEMBERS, MAX_RATIO, MAX_UNPACKED

BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError)
MACROS = ("vbaproject.bin", "macrosheets/")


def open_checked(data: bytes) -> zipfile.ZipFile:
    """The archive, once its directory promises nothing absurd. Raises `Invalid`."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        raise unreadable() from error
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise too_large()
    for member in members:
        if member.flag_bits & 0x1:
            message = _("This file is protected by a password. Save it without one.")
            raise Invalid("file_encrypted", message)
        if member.file_size > MAX_RATIO * max(member.compress_size, 1024):
            raise too_large()
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise too_large()
    return archive


def unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member, whatever is wrong with it behind the directory. Raises `Invalid`."""
    try:
        return archive.read(name)
    except (*BROKEN, zlib.error, lzma.LZMAError) as error:
        raise unreadable() from error


def check_workbook(data: bytes) -> None:
    """Refuse what is no plain .xlsx: other archives, macros, bombs. Raises `Invalid`."""
    with open_checked(data) as archive:
        names = [name.lower() for name in archive.namelist()]
    if any(macro in name for name in names for macro in MACROS):
        raise Invalid("file_macros", _("This workbook holds macros. Save it as .xlsx."))
    if "xl/workbook.xml" not in names:
        raise unreadable()


def unreadable() -> Invalid:
    return Invalid(
        "file_unreadable",
        _("This is not a workbook that can be read. Save it as .xlsx or .csv and try again."),
    )


def too_large() -> Invalid:
    return Invalid(
        "file_too_large",
        _("This file unpacks to far more than a table needs. Copy the rows into a new workbook."),
    )
