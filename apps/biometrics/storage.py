"""Sealed images in the default storage: where each lies, and reading and writing them."""

from datetime import date
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils.module_loading import import_string

from apps.biometrics.models import StoredImage
from apps.common.crypto import seal
from apps.tenants.scope import current_campus_id
from apps.tenants.storage import as_os_error, read_sealed, save_whole

SNAPSHOTS: Final = "snapshots"
SAMPLES: Final = "samples"
LOGOS: Final = "logos"
FOLDERS: Final = (SNAPSHOTS, SAMPLES, LOGOS)

PURPOSE: Final = "image"  # of the campus key
URL_SECONDS: Final = 3600


def day_folder(*, folder: str, day: date) -> str:
    """Where the entered campus's images of a day lie."""
    return f"{folder}/{day:%Y/%m/%d}/{current_campus_id()}"


def object_key(*, folder: str, day: date, sha256: str, shelf: str = "") -> str:
    """`shelf`: a folder inside the day's, such as that of a person."""
    place = day_folder(folder=folder, day=day)
    return f"{place}/{shelf}/{sha256}.bin" if shelf else f"{place}/{sha256}.bin"


def write_image(*, key: str, sha256: str, data: bytes) -> None:
    """Seal the bytes and put them at exactly this key; raises `OSError`."""
    sealed = seal(PURPOSE, current_campus_id(), data, context=bytes.fromhex(sha256))
    with as_os_error("write"):
        name = save_whole(key, sealed)
        if name != key:  # something lies there that no row knows: a write that was rolled back
            default_storage.delete(name)
            default_storage.delete(key)
            save_whole(key, sealed)


def read_image(image: StoredImage) -> bytes:
    """The JPEG itself. For workers; people read through `selectors.open_image`, which is logged.

    Raises `OSError`, and `crypto.SealBroken` when the object is not what was stored.
    """
    context = bytes.fromhex(image.sha256)
    return read_sealed(image.key, purpose=PURPOSE, context=context, campus_id=image.campus_id)


def image_exists(key: str) -> bool:
    with as_os_error():
        return default_storage.exists(key)


def delete_object(key: str) -> None:
    """Deleting what is not there is no error; anything else raises `OSError`."""
    with as_os_error("delete"):
        default_storage.delete(key)


def keys_of_day(*, folder: str, day: date) -> list[str]:
    """Every object of the entered campus that was written on this day."""
    return _keys_in(day_folder(folder=folder, day=day))


def _keys_in(place: str) -> list[str]:
    with as_os_error():
        try:
            shelves, names = default_storage.listdir(place)
        except FileNotFoundError:
            return []
    keys = [f"{place}/{name}" for name in names if name]
    return keys + [key for shelf in shelves for key in _keys_in(f"{place}/{shelf}")]


# Without a caller yet: for moving a campus to other machines.
def sealed_url(image: StoredImage, *, seconds: int = URL_SECONDS) -> str | None:
    """A signed address of the sealed object that expires, for moving images between machines.

    What it serves is encrypted. It begins with `AWS_S3_SIGNED_URL_BASE`, which the signature covers
    too, or as we reach the storage. None where the storage signs no addresses (files).
    """
    if not getattr(default_storage, "querystring_auth", False):
        return None
    storage: Any = default_storage
    if settings.AWS_S3_SIGNED_URL_BASE:
        named = settings.STORAGES["default"]
        options = {**named["OPTIONS"], "endpoint_url": settings.AWS_S3_SIGNED_URL_BASE}
        storage = import_string(named["BACKEND"])(**options)
    with as_os_error():
        return str(storage.url(image.key, expire=seconds))
