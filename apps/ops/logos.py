"""A campus's logo: in the image store, small, clean, and open to everybody who sees its pages."""

import hashlib
from datetime import datetime
from io import BytesIO
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image

from apps.audit.services import Actor, log_event
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.models import StoredImage
from apps.biometrics.services.images import image_id, image_release, image_store
from apps.biometrics.storage import LOGOS, read_image
from apps.common.crypto import SealBroken
from apps.common.errors import Invalid, NotFound
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

MAX_BYTES: Final = 2 * 1024 * 1024  # of what is sent
SIDE: Final = 256  # pixels of what is kept


def logo_png(*, data: bytes) -> bytes:
    """The picture made anew, in the middle of a white square of at most 256 pixels a side.

    Nothing else that was in the file stays.

    JPEG, PNG or WebP. Raises `Invalid` (invalid_logo).
    """
    try:
        if len(data) > MAX_BYTES:
            raise _invalid(_("This file has more than 2 MB."))
        photo = read_photo(data, max_side=SIDE)
    except ImageRefused as refusal:
        message = _("This is no picture that can be read. Take a PNG, JPEG or WebP file.")
        raise _invalid(message) from refusal
    side = max(photo.size)
    square, kept = Image.new("RGB", (side, side), "white"), BytesIO()
    width, height = photo.size
    square.paste(photo.image, ((side - width) // 2, (side - height) // 2))
    square.save(kept, format="PNG", optimize=True)
    return kept.getvalue()


@transaction.atomic
def logo_set(*, png: bytes | None, now: datetime, actor: Actor) -> None:
    """Take what `logo_png` made as the entered campus's logo; None: the platform's again.

    Raises `Refused` (storage_unavailable, 503), and then nothing has changed.
    """
    campus = Campus.objects.select_for_update(no_key=True).get(pk=current_campus_id())
    sha256 = "" if png is None else hashlib.sha256(png).hexdigest()
    if sha256 == campus.logo:
        return
    if png is not None:
        image_store(data=png, now=now, kept_for=None, folder=LOGOS)
    if campus.logo:
        image_release(image_id=image_id(campus.logo), now=now)
    Campus.objects.filter(pk=campus.pk).update(logo=sha256, updated_at=now)
    action = "tenants.campus.logo_set" if png is not None else "tenants.campus.logo_removed"
    log_event(actor=actor, action=action, now=now, target=campus, data={"sha256": sha256})


def logo_read(*, campus: Campus, sha256: str) -> bytes:
    """The PNG of this content, if it is the campus's logo.

    Raises `NotFound` where it is not, and `OSError` where the storage does not give it.
    """
    image = StoredImage.objects.filter(pk=image_id(sha256)).first()
    if sha256 != campus.logo or image is None:
        raise NotFound("no_such_logo", _("The campus has another logo, or none."))
    try:
        return read_image(image)
    except SealBroken as error:
        raise OSError("the object is not what was stored") from error


def _invalid(message: str) -> Invalid:
    return Invalid("invalid_logo", message, fields={"logo": [message]})
