"""A thousand photos through store, decoder and face engine: memory and handles stay as they were.

The worker of faces does this all day. Each frame that stayed would add 0.2 MB or more.
"""

import ctypes
import gc
import sys
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone
from PIL import Image

from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.models import StoredImage
from apps.biometrics.services import image_store
from apps.biometrics.storage import read_image
from apps.biometrics.worker import observe_for_check_in
from tests.factories import Cast

FRAMES = 1000
SIDE = 256
WARM_UP = 100  # what libraries keep for good: arenas, buffers of the network
MOST_GROWTH = 40 * 1024 * 1024  # bytes of resident memory


def frames(portrait: Path) -> list[bytes]:
    """A face in several lights, what is no face, and what is no picture."""
    face = Image.open(portrait).convert("RGB")
    face.thumbnail((SIDE, SIDE))
    made = []
    for strength in (0.8, 1.0, 1.2):
        drawn = BytesIO()
        face.point(lambda value, by=strength: min(255, int(value * by))).save(drawn, "JPEG")
        made.append(drawn.getvalue())
    return [*made, *made, *made, made[0][:2000]]


def resident() -> int:
    """Without what is free but kept for later, in which frames that stay would find room."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def handles() -> int:
    return psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0


def test_a_thousand_frames_leave_nothing_behind(
    in_campus: Cast, engine: Any, astronaut_path: Path, media: Path
) -> None:
    shown = frames(astronaut_path)
    stored: list[StoredImage] = []
    now = timezone.now()
    for data in shown:
        try:
            jpeg = read_photo(data).jpeg()
        except ImageRefused:
            continue
        stored.append(image_store(data=jpeg, now=now, kept_for=timedelta(days=1)))
    seen = 0
    memory = opened = 0
    for number in range(FRAMES):
        if number == WARM_UP:
            memory, opened = resident(), handles()
        data = shown[number % len(shown)]
        try:
            read_photo(data).jpeg()
            jpeg = read_image(stored[number % len(stored)])
        except ImageRefused:
            jpeg = data
        seen += observe_for_check_in(jpeg).vector is not None
    assert seen >= FRAMES // 2
    assert handles() == opened
    assert resident() - memory < MOST_GROWTH


def test_the_bound_would_notice_frames_that_stay(astronaut_path: Path) -> None:
    before, kept = resident(), []
    data = frames(astronaut_path)[0]
    for _number in range(FRAMES - WARM_UP):
        photo = read_photo(data)
        kept.append(photo.pixels().copy())
    assert resident() - before > MOST_GROWTH
    assert len(kept) == FRAMES - WARM_UP


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_files_that_end_early_leave_no_handle(kind: str) -> None:
    drawn = BytesIO()
    Image.effect_noise((300, 300), 50).convert("RGB").save(drawn, kind)
    opened = handles()
    for cut in range(50):
        with pytest.raises(ImageRefused):
            read_photo(drawn.getvalue()[: 40 + cut])
    assert handles() == opened
