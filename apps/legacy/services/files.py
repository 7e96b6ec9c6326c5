"""What was uploaded and what was reported: sealed under the campus's key, then deleted.

An upload lies in pieces, so that none of them is ever whole in memory.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.common.errors import Invalid, Refused
from apps.legacy.models import LegacyMove
from apps.tenants.rotation import SealedFile
from apps.tenants.storage import read_sealed, told, write_sealed

PURPOSE: Final = "legacy-file"
MAX_BYTES: Final = 100 * 2**20  # of an upload
PIECE: Final = 8 * 2**20  # bytes that are sealed together


def legacy_files() -> Iterator[SealedFile]:
    """For a new master key: uploads and reports."""
    for move in LegacyMove.objects.exclude(stored_as="", report_as=""):
        rows = LegacyMove.objects.filter(
            pk=move.pk, stored_as=move.stored_as, report_as=move.report_as
        )
        for key in _keys(move):
            yield SealedFile(key=key, purpose=PURPOSE, context=key.encode(), named_by=rows)


def _keys(move: LegacyMove) -> list[str]:
    pieces = [_piece(move.stored_as, n) for n in range(move.pieces)] if move.stored_as else []
    return [*pieces, *filter(None, [move.report_as])]


def _piece(name: str, number: int) -> str:
    return f"{name}/{number:05}"


class Stored:
    """An upload that was written: `name`, `pieces`, `size` in bytes and `sha256` of the whole."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        """Raises `Invalid` (file_too_large, file_empty) and `Refused` (storage_unavailable, 503),
        and then leaves nothing behind."""
        self.name = f"legacy/{uuid.uuid4().hex}"
        self.pieces = self.size = 0
        digest = hashlib.sha256()
        try:
            for part in _even(parts):
                self.size += len(part)
                if self.size > MAX_BYTES:
                    message = _("Files of up to %(mb)d MB can be uploaded. Move in by the command.")
                    raise Invalid("file_too_large", message % {"mb": MAX_BYTES >> 20})
                digest.update(part)
                _store(_piece(self.name, self.pieces), part)
                self.pieces += 1
            if not self.size:
                raise Invalid("file_empty", _("There is nothing in this file."))
        except Refused:
            self.forget()
            raise
        self.sha256 = digest.hexdigest()

    def forget(self) -> None:
        for number in range(self.pieces):
            with suppress(OSError):
                default_storage.delete(_piece(self.name, number))


def _even(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting)


def _store(key: str, data: bytes) -> None:
    try:
        write_sealed(key, data, purpose=PURPOSE, context=key.encode())
    except OSError as error:
        message = f"{_away()} {_('Nothing was saved; try again shortly.')}"
        raise Refused("storage_unavailable", message, status=503) from error


def _read(key: str) -> bytes:
    with told(f"{_away()} {_('Try again shortly.')}"):
        return read_sealed(key, purpose=PURPOSE, context=key.encode())


def _away() -> str:
    return _("Uploaded files cannot be reached right now.")


def upload_restore(move: LegacyMove, path: Path) -> None:
    """Write the upload to this path. Raises `Refused` where it is gone, or is not what was checked:
    the SHA-256 of the whole has to be that of the row."""
    if not move.stored_as:
        raise Refused("upload_gone", _("The file was deleted meanwhile. Upload it again."))
    digest = hashlib.sha256()
    with path.open("xb") as copy:
        for number in range(move.pieces):
            part = _read(_piece(move.stored_as, number))
            digest.update(part)
            copy.write(part)
    if digest.hexdigest() != move.sha256:
        raise Refused("upload_changed", _("The stored file is not the one that was uploaded."))


def report_store(data: bytes) -> str:
    """The name under which `report_read` finds it."""
    key = f"legacy/{uuid.uuid4().hex}/report"
    _store(key, data)
    return key


def report_read(move: LegacyMove) -> bytes | None:
    """None where there is none (any more). Raises `Refused` (storage_unavailable, 503)."""
    return _read(move.report_as) if move.report_as else None


def upload_delete(move: LegacyMove) -> int:
    """The row first: it is the lock of its files (apps/tenants/rotation.py)."""
    keys = [_piece(move.stored_as, n) for n in range(move.pieces)] if move.stored_as else []
    if keys:
        move.stored_as = ""
        move.save(update_fields=["stored_as"])
    return _deleted(keys)


def report_delete(move: LegacyMove) -> int:
    """Likewise."""
    keys = [key for key in [move.report_as] if key]
    if keys:
        move.report_as = ""
        move.save(update_fields=["report_as"])
    return _deleted(keys)


def _deleted(keys: list[str]) -> int:
    for key in keys:
        default_storage.delete(key)
    return len(keys)
