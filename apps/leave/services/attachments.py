"""Keeping and forgetting the certificates of leave requests and appeals."""

import logging
import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.leave.attachments import AttachmentFile, delete_file, read_file, store_file
from apps.leave.models import Attachment
from apps.privacy.selectors import privacy_rules
from apps.tenants.scope import current_campus_id
from apps.tenants.storage import told
from apps.tenants.tasks import enqueue

logger = logging.getLogger(__name__)

KEPT: Final = timedelta(days=365)  # an academic year, in which marks are still argued about
PURGE_TASK: Final = "apps.leave.tasks.purge_campus_attachments"
PURGE_BATCH: Final = 200


def attachment_add(*, student: Student, file: AttachmentFile, now: datetime) -> Attachment:
    """The row of an attachment. Its file follows with `attachment_write`, as the last step."""
    pk = uuid.uuid4()
    return Attachment.objects.create(
        id=pk,
        student=student,
        key=f"attachments/{current_campus_id()}/{pk.hex}.bin",
        kind=file.kind,
        size=len(file.data),
        stored_at=now,
        delete_after=now + KEPT,
    )


def attachment_write(*, attachment: Attachment, file: AttachmentFile) -> None:
    """Store the file of a new attachment; raises `Refused` (storage_unavailable, 503).

    Call it last in the transaction, so that what is rolled back leaves no file.
    """
    try:
        store_file(key=attachment.key, data=file.data)
    except OSError as error:
        raise _away(_("Nothing was saved; try again shortly.")) from error


def attachment_open(*, attachment: Attachment, now: datetime, actor: Actor) -> bytes:
    """The file itself; who read it is noted.

    Raises what `storage.told` does.
    """
    with told(_away(_("Try again shortly.")).message):
        data = read_file(key=attachment.key)
    log_event(actor=actor, action="leave.attachment.read", now=now, target=attachment)
    return data


def _away(advice: str) -> Refused:
    message = _("Attachments cannot be reached right now.")
    return Refused("storage_unavailable", f"{message} {advice}", status=503)


def attachment_erase(*, attachment: Attachment | None, now: datetime) -> None:
    """Delete an attachment, if there is one: row and file go after the commit."""
    if attachment is not None:
        Attachment.objects.filter(pk=attachment.pk).update(delete_after=now)
        enqueue(PURGE_TASK)


def attachments_erase_now(*, student_id: int) -> int:
    """Delete what a student handed in, rows and files; returns how many. For their erasure.

    Raises `Refused` (storage_unavailable, 503) where a file stays.
    """
    erased = 0
    for attachment in Attachment.objects.filter(student_id=student_id).order_by("pk"):
        try:
            _delete(attachment)
        except OSError as error:
            raise _away(_("Nothing was erased; try again shortly.")) from error
        erased += 1
    return erased


def _delete(attachment: Attachment) -> None:
    """Row and file, the row first: it is the lock (apps/tenants/rotation.py). Raises `OSError`."""
    with transaction.atomic():
        attachment.delete()  # requests that had it stay, without it
        delete_file(key=attachment.key)


def attachments_purge(*, now: datetime) -> int:
    """Delete the entered campus's attachments whose time has come; returns how many.

    At most 200 a run. A storage that does not answer leaves the row for the next run.
    """
    kept = timedelta(days=privacy_rules().documents_days)
    Attachment.objects.filter(delete_after__gt=F("stored_at") + kept).update(
        delete_after=F("stored_at") + kept
    )
    due = Attachment.objects.filter(delete_after__lte=now).order_by("delete_after")
    purged = 0
    for attachment in due[:PURGE_BATCH]:
        try:
            _delete(attachment)
        except OSError:
            logger.warning("Attachment %s could not be deleted; it stays due.", attachment.pk)
        else:
            purged += 1
    return purged
