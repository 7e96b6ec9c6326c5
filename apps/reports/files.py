"""Finished exports: sealed under the campus's key until they are deleted."""

import uuid
from typing import Final

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.tenants.storage import read_sealed, told, write_sealed

PURPOSE: Final = "report-file"


def store_file(data: bytes) -> str:
    """Store the bytes; returns the name under which `file_read` finds them."""
    name = f"reports/{uuid.uuid4().hex}"
    return write_sealed(name, data, purpose=PURPOSE, context=name.encode())


def file_read(name: str) -> bytes:
    """Raises what `storage.told` does."""
    with told(_("This report cannot be reached right now. Try again shortly.")):
        return read_sealed(name, purpose=PURPOSE, context=name.encode())


def delete_file(name: str) -> None:
    default_storage.delete(name)
