"""What only a `faces` worker does with a photo of a class: read it, find every face, embed them.

Imports OpenCV and onnxruntime; services import it when they run.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image

from apps.biometrics.engines import (
    DEFAULT_ENGINE,
    Engine,
    Face,
    Pixels,
    Vectors,
    get_engine,
)
from apps.biometrics.images import JPEG_QUALITY, read_photo
from apps.biometrics.quality import CHECK_IN, failings, measure

FINE_SIDE: Final = 5000  # pixels; 12-megapixel photos are searched as they are
KEPT_SIDE: Final = 2048  # pixels of what is shown for review
COARSE_SIDE: Final = 1024  # pixels; in it the large faces are found
TILE: Final = 1104  # pixels at most, of the photo made smaller by FINE
OVERLAP: Final = 144  # faces that are larger are found in the coarse photo as well
FINE: Final = 0.75  # of the photo; faces of 24 pixels are still 18, the least that is found surely
LEAST_SIDE: Final = 24  # pixels of a face's shorter side; what is smaller is not counted as one
NAMED_SIDE: Final = 36  # pixels; a smaller face is never named without doubt
SAME: Final = 0.4  # shared area over joined area from which two boxes are one face
MOST_FACES: Final = 400
CROP: Final = 160  # pixels in which a small face is looked at again
CROP_SHARE: Final = 0.45  # of the crop that the face fills


@dataclass(frozen=True, kw_only=True)
class FaceSeen:
    """A face in pixels of the kept picture; `clear`: good enough to be named without doubt."""

    box: tuple[int, int, int, int]  # left, top, width, height; within the picture
    clear: bool


@dataclass(frozen=True, kw_only=True)
class PhotoSeen:
    jpeg: bytes  # what is kept for review, without metadata
    size: tuple[int, int]
    faces: list[FaceSeen]  # from left to right, row by row
    vectors: Vectors  # one for each


def look_at(data: bytes, *, engine: str = DEFAULT_ENGINE) -> PhotoSeen:
    """Every face of an uploaded photo, with its vector. Raises `images.ImageRefused`."""
    photo = read_photo(data, max_side=FINE_SIDE)
    pixels = photo.pixels()
    chosen = get_engine(engine)
    faces = _in_reading_order(find_faces(chosen, pixels))
    vectors = _embedded(chosen, pixels, faces)
    kept = photo.image.copy()
    kept.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.BOX)
    buffer = BytesIO()
    kept.save(buffer, "JPEG", quality=JPEG_QUALITY)
    scale = kept.width / pixels.shape[1]
    seen = [
        FaceSeen(box=_box_within(face, scale, kept.size), clear=is_clear(pixels, face))
        for face in faces
    ]
    return PhotoSeen(jpeg=buffer.getvalue(), size=kept.size, faces=seen, vectors=vectors)


def _embedded(engine: Engine, image: Pixels, faces: list[Face]) -> Vectors:
    """By two threads: somebody waits for this photo, and a second core may be free."""
    middle = -(-len(faces) // 2)
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(partial(engine.embed, image), (faces[:middle], faces[middle:]))
        return np.concatenate(list(parts))


def find_faces(engine: Engine, image: Pixels) -> list[Face]:
    """The faces of a large photo, each once: the large ones in the whole photo made small, the
    small ones in tiles, looked at again from near for exact landmarks."""
    coarse = min(1.0, COARSE_SIDE / max(image.shape[:2]))
    found = [_moved(face, 1 / coarse) for face in engine.detect(_resized(image, coarse))]
    if coarse < FINE:
        found += _found_in_tiles(engine, _resized(image, FINE))
    faces = _each_once(found)[:MOST_FACES]
    near = (_from_near(engine, image, face) for face in faces)
    return [face for face in near if face.side >= LEAST_SIDE]


def is_clear(image: Pixels, face: Face) -> bool:
    """Whether a name may be proposed for it: large and sharp enough, neither dark nor turned."""
    if face.side < NAMED_SIDE:
        return False
    reasons = failings(measure(image, [face]), CHECK_IN)
    return not [reason for reason in reasons if reason.value != "face_too_small"]


def _found_in_tiles(engine: Engine, image: Pixels) -> list[Face]:
    found = []
    for left, top, tile in _tiles(image):
        found += [_moved(face, 1 / FINE, left, top) for face in engine.detect(tile)]
    return found


def _tiles(image: Pixels) -> Iterator[tuple[int, int, Pixels]]:
    """Left, top and pixels of tiles of one size that overlap by at least a face."""
    height, width = image.shape[:2]
    tops, high = _parts(height)
    lefts, wide = _parts(width)
    for top in tops:
        for left in lefts:
            yield left, top, np.ascontiguousarray(image[top : top + high, left : left + wide])


def _parts(length: int) -> tuple[list[int], int]:
    """Where the fewest tiles that cover a length begin, and how long each is."""
    count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    size = -(-(length + (count - 1) * OVERLAP) // count)
    return [min(place * (size - OVERLAP), length - size) for place in range(count)], size


def _resized(image: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return image
    resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def _moved(face: Face, scale: float, left: float = 0, top: float = 0) -> Face:
    """From the pixels of a part, which begins at (left, top), into those of the photo."""
    x, y, width, height = face.box
    one, two, three, four, five = (
        ((across + left) * scale, (down + top) * scale) for across, down in face.landmarks
    )
    return Face(
        box=((x + left) * scale, (y + top) * scale, width * scale, height * scale),
        landmarks=(one, two, three, four, five),
        score=face.score,
    )


def _each_once(faces: list[Face]) -> list[Face]:
    """The surest box of each face."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: each.score, reverse=True):
        if not any(_are_same(face, other) for other in kept):
            kept.append(face)
    return kept


def _are_same(one: Face, other: Face) -> bool:
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right = min(one.box[0] + one.box[2], other.box[0] + other.box[2])
    bottom = min(one.box[1] + one.box[3], other.box[1] + other.box[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    joined = one.area + other.area - shared
    # A tile's edge cuts faces: the part lies within the whole.
    return shared > SAME * joined or shared > 0.7 * min(one.area, other.area)


def _from_near(engine: Engine, image: Pixels, face: Face) -> Face:
    """The same face found again in a crop of its own; as it was where it is not."""
    x, y, width, height = face.box
    reach = max(width, height) / CROP_SHARE / 2
    left, top = int(max(x + width / 2 - reach, 0)), int(max(y + height / 2 - reach, 0))
    crop = image[top : int(y + height / 2 + reach), left : int(x + width / 2 + reach)]
    if not crop.size:
        return face
    scale = CROP / max(crop.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=way), np.uint8)
    again = [_moved(each, 1 / scale, left * scale, top * scale) for each in engine.detect(small)]
    same = [each for each in again if _are_same(each, face)]
    return max(same, key=lambda each: each.score, default=face)


def _in_reading_order(faces: list[Face]) -> list[Face]:
    """Row by row, as far as people sit in rows: rows are as high as the usual face."""
    if not faces:
        return []
    row = float(np.median([face.box[3] for face in faces])) * 1.5
    return sorted(faces, key=lambda face: (int((face.box[1] + face.box[3] / 2) // row), face.box))


def _box_within(face: Face, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    left, top = max(0, round(face.box[0] * scale)), max(0, round(face.box[1] * scale))
    right = min(width, round((face.box[0] + face.box[2]) * scale))
    bottom = min(height, round((face.box[1] + face.box[3]) * scale))
    return left, top, max(1, right - left), max(1, bottom - top)
