"""Sealed files in the default storage: files or S3.

Every failure of the storage is an `OSError`, whichever is behind it: a task that meets one is
retried. A file that is there and does not open is `SealBroken`: no retry opens it.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.common.crypto import SealBroken, seal, unseal
from apps.common.errors import NotFound, Refused
from apps.common.measures import count, observe
from apps.tenants.scope import current_campus_id

logger = logging.getLogger(__name__)


class StorageUnavailable(OSError):
    """The storage did not answer, refused, or does not let us in."""


def write_sealed(key: str, data: bytes, *, purpose: str, context: bytes) -> str:
    """Seal the bytes and save them; the name that they have got. Raises `OSError`."""
    sealed = seal(purpose, current_campus_id(), data, context=context)
    with as_os_error("write"):
        return save_whole(key, sealed)


def read_sealed(key: str, *, purpose: str, context: bytes, campus_id: int | None = None) -> bytes:
    """What the entered campus, or this one, stored under this key. Raises `OSError`
    (`FileNotFoundError`: it is not there), and `SealBroken`, counted and in the log, when the
    object is not what was stored."""
    with as_os_error("read"), default_storage.open(key) as stream:
        sealed = stream.read()
    try:
        return unseal(purpose, campus_id or current_campus_id(), sealed, context=context)
    except SealBroken:
        count("campus_files_damaged", purpose)
        logger.error("%s is damaged: it does not open. `manage.py doctor --all` finds all.", key)
        raise


@contextmanager
def told(away: str) -> Iterator[None]:
    """Around reading a stored file for somebody: what goes wrong becomes a `Refused`, by whether
    trying again helps (storage_unavailable, 503, with the words `away`) or not (file_damaged and
    file_missing, 404)."""
    try:
        yield
    except SealBroken as error:
        message = _(
            "This file is damaged: what is stored does not open any more. Send or make it again, "
            "or ask whoever runs the platform to restore it from a backup."
        )
        raise NotFound("file_damaged", message) from error
    except FileNotFoundError as error:
        message = _(
            "This file is missing in the store. Send or make it again, or ask whoever runs the "
            "platform to restore it from a backup."
        )
        raise NotFound("file_missing", message) from error
    except OSError as error:
        raise Refused("storage_unavailable", away, status=503) from error


def save_whole(key: str, sealed: bytes) -> str:
    """Save at this key, which no row names yet; the name that it has got.

    A disk that is full leaves the beginning of a file behind, which is deleted again.
    """
    try:
        return default_storage.save(key, ContentFile(sealed))
    except OSError:  # of files: what S3 stores is whole
        with suppress(OSError):
            default_storage.delete(key)
        raise


@contextmanager
def as_os_error(operation: str = "other") -> Iterator[None]:
    """What the storage behind Django's raises becomes `StorageUnavailable`; timed."""
    started, result = time.perf_counter(), "failed"
    try:
        yield
        result = "done"
    except _foreign_errors() as error:
        raise StorageUnavailable(type(error).__name__) from error
    finally:
        seconds = time.perf_counter() - started
        observe("campus_image_store_seconds", seconds, operation, result)


def _foreign_errors() -> tuple[type[Exception], ...]:
    """What boto3 raises, without importing it (15 MB) where images are files."""
    found: list[type[Exception]] = []
    if botocore := sys.modules.get("botocore.exceptions"):
        found += [botocore.BotoCoreError, botocore.ClientError]
    if boto3 := sys.modules.get("boto3.exceptions"):
        found.append(boto3.Boto3Error)
    return tuple(found)
