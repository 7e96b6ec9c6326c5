"""Knows a picture of a face again that was saved anew, in another size, cropped, or mirrored.

143 signs of the low frequencies of the aligned face, after the perceptual hash pHash (Zauner 2010,
ch. 3.2.1). Saved anew, the landmarks move by a fraction of a pixel, so a frame is compared as it
lies and a little moved, turned and resized. Workers only: it needs OpenCV.
"""

from collections.abc import Sequence
from itertools import product
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines.alignment import TEMPLATE, TEMPLATE_SIDE, similarity
from apps.biometrics.engines.base import Face, Pixels

BITS: Final = 143
BYTES: Final = 18  # of a fingerprint: 143 signs and a 0
SAME: Final = 20
"""At most so many bits differ between copies (`python -m bench.liveness`)."""

_SIDE: Final = 64
_SMALL: Final = 32
_KEPT: Final = 12
_MOVES: Final = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)  # in 32nds of the face
_NEAR: Final = tuple(product(_MOVES, _MOVES, (0.96, 1.0, 1.04), (-2.0, 0.0, 2.0)))

Bits = NDArray[np.uint8]


def fingerprint(image: Pixels, face: Face) -> bytes:
    return np.packbits(_signs(_chip(_grey(image), face.landmarks))).tobytes()


def is_copy(image: Pixels, face: Face, known: Sequence[bytes]) -> bool:
    """Whether the face in this picture, or its mirror image, is one of these pictures."""
    if not known:
        return False
    bits = np.unpackbits(np.frombuffer(b"".join(known), np.uint8)).reshape(-1, BYTES * 8)
    grey = _grey(image)
    mirrored = np.ascontiguousarray(grey[:, ::-1])
    return _is_near(grey, face.landmarks, bits) or _is_near(
        mirrored, _mirrored(face, image.shape[1]), bits
    )


def _is_near(grey: Pixels, landmarks: Sequence[tuple[float, float]], known: Bits) -> bool:
    tried = np.stack([_signs(_chip(grey, landmarks, *moved)) for moved in _NEAR]).astype(np.float32)
    plain = known[:, :BITS].astype(np.float32)
    # Where signs differ: of two rows of 0 and 1, their sums less twice their product.
    apart = tried.sum(1)[:, None] + plain.sum(1)[None] - 2 * tried @ plain.T
    return bool(apart.min() <= SAME)


def _mirrored(face: Face, width: int) -> list[tuple[float, float]]:
    """The landmarks of the mirror image, in which left and right change places."""
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        (width - 1 - x, y) for x, y in face.landmarks
    )
    return [left_eye, right_eye, nose, left_mouth, right_mouth]


def _grey(image: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _chip(
    grey: Pixels,
    landmarks: Sequence[tuple[float, float]],
    right: float = 0.0,
    down: float = 0.0,
    zoom: float = 1.0,
    turned: float = 0.0,
) -> NDArray[np.float32]:
    """The aligned face, 32 x 32, moved by 32nds of it and turned by degrees."""
    angle = np.radians(turned)
    cosine, sine = np.cos(angle) * zoom, np.sin(angle) * zoom
    middle = TEMPLATE_SIDE / 2
    target = (TEMPLATE - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle
    target = target * (_SIDE / TEMPLATE_SIDE) + np.array([right, down]) * (_SIDE / _SMALL)
    matrix = similarity(np.asarray(landmarks, dtype=np.float64), target)
    chip = cv2.warpAffine(grey, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(chip, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _signs(small: NDArray[np.float32]) -> Bits:
    waves = np.asarray(cv2.dct(small))[:_KEPT, :_KEPT].ravel()[1:]
    return (waves > np.median(waves)).astype(np.uint8)
