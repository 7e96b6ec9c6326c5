"""Finished exports: sealed under the campus's key until they are deleted."""

import uuid
from typing import Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.biometrics.storage import as_os_error
from apps.common.crypto import SealBroken, seal, unseal
from apps.common.errors import Refused
from apps.tenants.scope import current_campus_id

PURPOSE: Final = "report-file"


def store_file(data: bytes) -> str:
    """Store the bytes; returns the name under which `file_read` finds them."""
    name = f"reports/{uuid.uuid4().hex}"
    sealed = seal(PURPOSE, current_campus_id(), data, context=name.encode())
    return default_storage.save(name, ContentFile(sealed))


def file_read(name: str) -> bytes:
    """Raises `Refused` (storage_unavailable, 503), also where it is not what was stored."""
    try:
        with as_os_error("read"), default_storage.open(name) as stored:
            sealed = stored.read()
        return unseal(PURPOSE, current_campus_id(), sealed, context=name.encode())
    except (OSError, SealBroken) as error:
        message = _("This report cannot be reached right now. Try again shortly.")
        raise Refused("storage_unavailable", message, status=503) from error


def delete_file(name: str) -> None:
    default_storage.delete(name)
