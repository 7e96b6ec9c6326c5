"""Where pictures of sightings lie: `snapshots/YYYY/MM/DD/CAMPUS/{user_N|unknown}/`."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.biometrics.models import StoredImage
from apps.biometrics.storage import SNAPSHOTS, delete_object, object_key
from apps.cameras.models import CameraEvent, UnknownPerson
from apps.cameras.services.sightings import UNKNOWN
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.storage import as_os_error, save_whole

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Organized:
    """How many pictures lay right, were moved, and could not be moved now."""

    right: int = 0
    moved: int = 0
    failed: int = 0


def snapshots_organize(*, campus: Campus, now: datetime, actor: Actor) -> Organized:
    """Move a campus's pictures of sightings to the folder of their day and person.

    Named people leave `unknown` by this. Only pictures on a shelf of sightings: what else refers to
    an image keeps it, since rows find it by its key. Done twice, nothing moves. Enters the campus
    step by step: an object goes when its row has committed that it lies elsewhere.
    """
    right = moved = failed = 0
    with campus_scope(campus):
        shelves = _shelves()
    for image_id, shelf in shelves.items():
        try:
            with campus_scope(campus):
                before = _organize(image_id, shelf)
        except OSError:
            logger.warning("The image %s could not be moved; it stays where it was.", image_id)
            failed += 1
            continue
        if before:
            with suppress(OSError):  # else it goes as an orphan
                delete_object(before)
        moved += bool(before)
        right += not before
    done = Organized(right=right, moved=moved, failed=failed)
    if moved or failed:
        data = {"moved": moved, "failed": failed}
        with campus_scope(campus):
            log_event(actor=actor, action="cameras.snapshots.organized", now=now, data=data)
    return done


def _shelves() -> dict[UUID, str]:
    """The shelf of each picture, by its first sighting."""
    found: dict[UUID, str] = {}
    events = CameraEvent.objects.exclude(image=None).order_by("at", "pk")
    people = UnknownPerson.objects.exclude(image=None).order_by("pk")
    for rows in (events, people):
        for image_id, student_id in rows.values_list("image_id", "student_id"):
            found.setdefault(image_id, f"user_{student_id}" if student_id else UNKNOWN)
    return found


@transaction.atomic
def _organize(image_id: UUID, shelf: str) -> str:
    """Copy it and let its row say so; the key of the object that is to go, "" where it lies right.
    A commit that fails leaves a copy, which is deleted as an orphan."""
    image = StoredImage.objects.select_for_update().filter(pk=image_id).first()
    if image is None or PurePosixPath(image.key).parts[0] != SNAPSHOTS:
        return ""
    day = image.stored_at.astimezone(UTC).date()
    wanted = object_key(folder=SNAPSHOTS, day=day, sha256=image.sha256, shelf=shelf)
    if image.key == wanted:
        return ""
    with as_os_error("read"), default_storage.open(image.key) as stream:
        sealed = stream.read()
    with as_os_error("write"):
        if default_storage.exists(wanted):
            default_storage.delete(wanted)
        save_whole(wanted, sealed)
    before, image.key = image.key, wanted
    image.save(update_fields=["key"])
    return before
