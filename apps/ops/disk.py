"""How much room is left where the platform writes."""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage


def free_shares() -> dict[str, float]:
    """The free share (0–1) of each disk by what lies there."""
    places = {"CAMPUS_VAR": Path(settings.CAMPUS_VAR), "temporary": Path(tempfile.gettempdir())}
    if isinstance(default_storage, FileSystemStorage):
        places["images"] = Path(default_storage.location)
    return {name: _free_share(place) for name, place in places.items()}


def _free_share(place: Path) -> float:
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    return usage.free / usage.total
