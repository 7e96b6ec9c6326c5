"""Keeping images: sealed, stored once per content, deleted when their time has come."""

import hashlib
import logging
import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import ForeignObjectRel
from django.utils.translation import gettext as _

from apps.biometrics import image_references
from apps.biometrics.models import StoredImage
from apps.biometrics.storage import (
    FOLDERS,
    SNAPSHOTS,
    delete_object,
    image_exists,
    keys_of_day,
    object_key,
    write_image,
)
from apps.common.errors import Refused
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

logger = logging.getLogger(__name__)

REMOVED_KEPT: Final = timedelta(days=30)  # a removed photo that something else still refers to
PURGE_BATCH: Final = 200
PURGE_TASK: Final = "apps.biometrics.tasks.purge_campus_images"
ORPHAN_DAYS: Final = 30

# One statement: the row, whether it is new, and where its object lies. A row that exists is locked
# until the caller commits, so that nobody deletes its object meanwhile. NULL means "for good".
_UPSERT: Final = """
    INSERT INTO biometrics_storedimage AS held
        (id, campus_id, key, sha256, size, stored_at, delete_after)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (campus_id, id) DO UPDATE SET delete_after = CASE
        WHEN held.delete_after IS NULL OR excluded.delete_after IS NULL THEN NULL
        ELSE greatest(held.delete_after, excluded.delete_after) END
    RETURNING key, size, stored_at, delete_after, xmax = 0
"""


def image_store(
    *,
    data: bytes,
    now: datetime,
    kept_for: timedelta | None,
    folder: str = SNAPSHOTS,
    shelf: str = "",
) -> StoredImage:
    """Keep a normalised JPEG (`Photo.jpeg()`), sealed, once per campus and content.

    Call it inside the transaction that refers to the image. One statement. Stored again, an image
    is kept the longer time; `kept_for=None` keeps it until it is released. `shelf`: a folder of its
    own inside the day's, of an image that is new. Raises `Refused`
    (storage_unavailable, 503), and then neither row nor object is new.
    """
    if folder not in FOLDERS:
        raise ValueError(folder)
    sha256 = hashlib.sha256(data).hexdigest()
    image = StoredImage(
        id=image_id(sha256),
        campus_id=current_campus_id(),
        key=object_key(folder=folder, day=now.astimezone(UTC).date(), sha256=sha256, shelf=shelf),
        sha256=sha256,
        size=len(data),
        stored_at=now,
        delete_after=None if kept_for is None else now + kept_for,
    )
    is_new = _upsert(image)
    try:
        if is_new or not image_exists(image.key):
            write_image(key=image.key, sha256=sha256, data=data)
    except OSError as error:
        if is_new:
            StoredImage.objects.filter(pk=image.pk).delete()
        message = _("Photos cannot be stored right now. Nothing was saved; try again shortly.")
        raise Refused("storage_unavailable", message, status=503) from error
    return image


def image_id(sha256: str) -> uuid.UUID:
    """The id of this content on the entered campus."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"campus/{current_campus_id()}/image/{sha256}")


def _upsert(image: StoredImage) -> bool:
    """Insert the row, or read the one that is there into `image`; whether it is new."""
    values = (
        image.pk,
        image.campus_id,
        image.key,
        image.sha256,
        image.size,
        image.stored_at,
        image.delete_after,
    )
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, values)
        *stored, is_new = cursor.fetchone()
    image.key, image.size, image.stored_at, image.delete_after = stored
    image._state.adding = False
    image._state.db = connection.alias
    return bool(is_new)


def images_release(*, image_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Owners that wanted these images for a time need them no longer: they go at once, but for what
    others refer to, or keep for good (a logo): sending its bytes again must not take it away."""
    free = set(image_ids) - _referenced(image_ids)
    if StoredImage.objects.filter(pk__in=free, delete_after__gt=now).update(delete_after=now):
        enqueue(PURGE_TASK)


def image_release(*, image_id: uuid.UUID, now: datetime) -> None:
    """The owner that kept it for good needs this image no longer: it goes at once, or 30 days on if
    others refer to it."""
    kept = REMOVED_KEPT if _referenced([image_id]) else timedelta(0)
    StoredImage.objects.filter(pk=image_id).update(delete_after=now + kept)
    enqueue(PURGE_TASK)


def images_erase(*, image_ids: Collection[uuid.UUID], now: datetime) -> int:
    """Delete these images and all references to them; the objects go after the commit."""
    marked = StoredImage.objects.filter(pk__in=image_ids).update(delete_after=now)
    if marked:
        enqueue(PURGE_TASK)
    return marked


def images_erase_now(*, image_ids: Collection[uuid.UUID], now: datetime) -> int:
    """The same, done when this returns; how many images went. For the erasure of a person.

    Raises `Refused` (storage_unavailable, 503) where one stays: nothing would lead to it any more
    once the rows of its owner are gone.
    """
    theirs = StoredImage.objects.filter(pk__in=image_ids)
    theirs.update(delete_after=now)  # locks the rows
    try:
        erased = sum(_purge(pk, now=now) for pk in image_ids)
    except OSError as error:
        raise _not_erased() from error
    if theirs.exists():
        raise _not_erased()
    return erased


def _not_erased() -> Refused:
    message = _("A photo cannot be deleted right now. Nothing was erased; try again shortly.")
    return Refused("storage_unavailable", message, status=503)


def images_purge(*, now: datetime) -> int:
    """Delete the entered campus's images whose time has come, rows and objects; returns how many.

    At most 200 a run. Where the storage does not answer, the row stays. Should the commit
    fail, rows are left without objects: they are still due, and go with the next run.
    """
    due = StoredImage.objects.filter(delete_after__lte=now).order_by("delete_after")
    purged = 0
    for pk in due.values_list("pk", flat=True)[:PURGE_BATCH]:
        try:
            purged += _purge(pk, now=now)
        except OSError:
            logger.warning("The object of image %s could not be deleted; it stays due.", pk)
    return purged


@transaction.atomic
def _purge(pk: uuid.UUID, *, now: datetime) -> int:
    image = (
        StoredImage.objects.select_for_update(skip_locked=True)
        .filter(pk=pk, delete_after__lte=now)
        .first()
    )
    if image is None:  # stored again meanwhile, or purged by somebody else
        return 0
    image_references.clear_references([pk])
    if _referenced([pk]):
        logger.warning("Image %s is due for deletion and still referred to.", pk)
        return 0
    image.delete()
    delete_object(image.key)
    return 1


def orphans_delete(*, now: datetime, days: int = ORPHAN_DAYS) -> int:
    """Delete the entered campus's objects that no row knows: writes that were rolled back.

    Looks at whole past days only, since a transaction of today may still be on its way.
    """
    deleted = 0
    for back in range(1, days + 1):
        day = now.astimezone(UTC).date() - timedelta(days=back)
        for folder in FOLDERS:
            keys = keys_of_day(folder=folder, day=day)
            known = set(StoredImage.objects.filter(key__in=keys).values_list("key", flat=True))
            for key in set(keys) - known:
                delete_object(key)
                deleted += 1
    return deleted


def _referenced(image_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of them that any row of any app refers to, private relations (`+`) included; one
    statement for each kind of row."""
    found: set[uuid.UUID] = set()
    for relation in StoredImage._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel):
            column = relation.field.attname
            rows = relation.related_model._base_manager.filter(**{f"{column}__in": image_ids})
            found |= set(rows.order_by().values_list(column, flat=True).distinct())
    return found
