"""Certificates that students hand in: checked by their content, kept sealed in the storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.biometrics.images import MAX_BYTES, ImageReason, ImageRefused, read_photo
from apps.common.errors import Invalid
from apps.leave.models import Attachment
from apps.tenants.rotation import SealedFile
from apps.tenants.storage import as_os_error, read_sealed, write_sealed

PURPOSE: Final = "attachment"  # of the campus key
MAX_SIDE: Final = 2400  # pixels: a photographed page of A4 stays readable
PDF_START: Final = b"%PDF-"
PDF_END: Final = b"%%EOF"
PDF_TAIL: Final = 1024  # bytes in which the end mark stands (ISO 32000-1, annex H.3)


@dataclass(frozen=True, kw_only=True)
class AttachmentFile:
    """A checked upload: what is kept, and its kind."""

    data: bytes
    kind: str


def read_attachment(data: bytes) -> AttachmentFile:
    """Check an upload of at most 8 MB; the declared name and type play no part.

    Photos (JPEG, HEIC, PNG, WebP) become JPEG without metadata, at most 2,400 pixels a side; a
    PDF is kept as it is and never opened here. Raises `Invalid` (attachment_<reason>).
    """
    if len(data) <= MAX_BYTES and data.startswith(PDF_START):
        if PDF_END not in data[-PDF_TAIL:]:
            raise _refused(ImageReason.TRUNCATED)
        return AttachmentFile(data=data, kind=Attachment.Kind.PDF)
    try:
        return AttachmentFile(
            data=read_photo(data, max_side=MAX_SIDE).jpeg(), kind=Attachment.Kind.JPEG
        )
    except ImageRefused as refused:
        raise _refused(refused.reason) from refused


def _refused(reason: ImageReason) -> Invalid:
    message = _("This file cannot be used (%(why)s). Send a PDF, JPEG or PNG of at most 8 MB.")
    return Invalid(f"attachment_{reason.value}", message % {"why": reason.value})


def attachment_files() -> Iterator[SealedFile]:
    """For a new master key."""
    for key in Attachment.objects.values_list("key", flat=True):
        rows = Attachment.objects.filter(key=key)
        yield SealedFile(key=key, purpose=PURPOSE, context=key.encode(), named_by=rows)


def store_file(*, key: str, data: bytes) -> None:
    """Seal the bytes and store them under this key, which nothing else has; raises `OSError`."""
    write_sealed(key, data, purpose=PURPOSE, context=key.encode())


def read_file(*, key: str) -> bytes:
    """Raises what `storage.read_sealed` does."""
    return read_sealed(key, purpose=PURPOSE, context=key.encode())


def delete_file(*, key: str) -> None:
    """Deleting what is not there is no error; anything else raises `OSError`."""
    with as_os_error():
        default_storage.delete(key)
