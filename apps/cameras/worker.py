"""What only a process with the face models does with a frame. Imports OpenCV and onnxruntime."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image

from apps.biometrics.engines import Engine, Face, Pixels, get_engine
from apps.biometrics.images import JPEG_QUALITY, MAX_SIDE, read_photo
from apps.biometrics.models import FaceModel
from apps.biometrics.quality import CHECK_IN, failings, measure
from apps.cameras.reading import FaceSighting

DETECT_SIDE: Final = 960  # pixels of the frame in which faces are looked for
MARGIN: Final = 0.5  # of the box, around a face that is kept: enough to enrol it later
MOST_FACES: Final = 100
FRAME_SIDE: Final = 1920  # pixels of pictures that devices send; larger ones are made smaller


@dataclass(frozen=True, kw_only=True)
class SnapshotQuality:
    """Whether a face is good enough to be compared and kept. `score`: 0..1, the share of what the
    detector was sure of and of the sharpness that is asked for."""

    reasons: tuple[str, ...]
    score: float

    @property
    def passed(self) -> bool:
        return not self.reasons


def detect_faces(engine: Engine, frame: Pixels) -> list[Face]:
    """The faces of a frame, in its pixels, the largest first; small frames as they are."""
    scale = min(1.0, DETECT_SIDE / max(frame.shape[:2]))
    if scale == 1.0:
        return engine.detect(frame)[:MOST_FACES]
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = engine.detect(np.asarray(small, np.uint8))[:MOST_FACES]
    return [_scaled(face, 1 / scale) for face in found]


def _scaled(face: Face, scale: float) -> Face:
    left, top, width, height = (value * scale for value in face.box)
    one, two, three, four, five = ((x * scale, y * scale) for x, y in face.landmarks)
    return Face(
        box=(left, top, width, height), landmarks=(one, two, three, four, five), score=face.score
    )


def quality_of(frame: Pixels, face: Face) -> SnapshotQuality:
    """By the gate of check-ins: size, sharpness, light, turn."""
    measured = measure(frame, [face])
    reasons = tuple(reason.value for reason in failings(measured, CHECK_IN))
    sharp = min(1.0, measured.sharpness / (10 * CHECK_IN.min_sharpness))
    return SnapshotQuality(reasons=reasons, score=round(face.score * sharp, 2))


def capture_snapshot(
    frame: Pixels, box: tuple[float, float, float, float], *, margin: float = 0.0
) -> bytes | None:
    """The part of a frame in a box (left, top, width, height; pixels) as JPEG; None where nothing
    of the box is in the frame.

    What reaches over the frame's edge is cut off. `margin` adds to each side, as a share of it.
    """
    left, top, width, height = box
    rows, columns = frame.shape[:2]
    x0, y0 = max(0, round(left - margin * width)), max(0, round(top - margin * height))
    x1 = min(columns, round(left + (1 + margin) * width))
    y1 = min(rows, round(top + (1 + margin) * height))
    if x1 <= x0 or y1 <= y0:
        return None
    image = Image.fromarray(np.ascontiguousarray(frame[y0:y1, x0:x1]))
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def sightings_in(
    data: bytes, *, snapshots: bool, model: FaceModel | None = None
) -> list[FaceSighting]:
    """The clear faces of a picture that a device sent, by this model or the default one; raises
    `images.ImageRefused`.
    """
    frame = read_photo(data, max_side=FRAME_SIDE).pixels()
    engine = get_engine(model.name) if model else get_engine()
    faces = [face for face in detect_faces(engine, frame) if quality_of(frame, face).passed]
    vectors = engine.embed(frame, faces)
    return [
        FaceSighting(
            vector=vector,
            model=model,
            snapshot=capture_snapshot(frame, face.box, margin=MARGIN) if snapshots else None,
        )
        for face, vector in zip(faces, vectors, strict=True)
    ]
