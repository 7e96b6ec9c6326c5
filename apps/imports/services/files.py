"""Uploaded files: kept sealed under the campus's key while they are needed, then deleted."""

import uuid
from collections.abc import Iterator
from typing import Final

from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.imports.models import ImportRun
from apps.tenants.rotation import SealedFile
from apps.tenants.storage import read_sealed, told, write_sealed

PURPOSE: Final = "import-file"


def import_files() -> Iterator[SealedFile]:
    """For a new master key: uploads, and workbooks with the wrong rows marked."""
    for pk, *names in ImportRun.objects.values_list("pk", "stored_as", "marked_as"):
        for name in filter(None, names):
            rows = ImportRun.objects.filter(Q(stored_as=name) | Q(marked_as=name), pk=pk)
            yield SealedFile(key=name, purpose=PURPOSE, context=name.encode(), named_by=rows)


def store_file(data: bytes) -> str:
    """Store the bytes; returns the name under which `file_read` finds them.

    Raises `Refused` (storage_unavailable, 503), and then leaves nothing behind.
    """
    name = f"imports/{uuid.uuid4().hex}"
    try:
        return write_sealed(name, data, purpose=PURPOSE, context=name.encode())
    except OSError as error:
        message = f"{_away()} {_('Nothing was saved; try again shortly.')}"
        raise Refused("storage_unavailable", message, status=503) from error


def file_read(name: str) -> bytes:
    """Raises what `storage.told` does."""
    with told(f"{_away()} {_('Try again shortly.')}"):
        return read_sealed(name, purpose=PURPOSE, context=name.encode())


def _away() -> str:
    return _("Files of imports cannot be reached right now.")


def run_files_delete(run: ImportRun) -> int:
    """Delete the upload and what shows rows of it; returns how many files went.

    The row first: it is the lock of its files (apps/tenants/rotation.py).
    """
    names = [name for name in (run.stored_as, run.marked_as) if name]
    run.stored_as = run.marked_as = ""
    run.problems = []
    run.questions = []  # with cells of the file
    run.save(update_fields=["stored_as", "marked_as", "problems", "questions"])
    for name in names:
        default_storage.delete(name)
    return len(names)


def marked_file_delete(run: ImportRun) -> None:
    """Delete the workbook with the wrong rows marked, if there is one; the row first."""
    if name := run.marked_as:
        run.marked_as = ""
        run.save(update_fields=["marked_as"])
        default_storage.delete(name)
