"""Uploaded files: kept sealed under the campus's key while they are needed, then forgotten."""

import uuid
from typing import Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.common.crypto import seal, unseal
from apps.tenants.scope import current_campus_id

PURPOSE: Final = "import-file"


def store_file(data: bytes) -> str:
    """Store the bytes; returns the name under which `file_read` finds them."""
    name = f"imports/{uuid.uuid4().hex}"
    sealed = seal(PURPOSE, current_campus_id(), data, context=name.encode())
    return default_storage.save(name, ContentFile(sealed))


def file_read(name: str) -> bytes:
    with default_storage.open(name) as stored:
        sealed = stored.read()
    return unseal(PURPOSE, current_campus_id(), sealed, context=name.encode())


def delete_file(name: str) -> None:
    if name:
        default_storage.delete(name)
