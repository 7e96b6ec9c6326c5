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
"""At most so many bits differ between copies: in 99 % of 110 frames that were saved anew in another
size and light. The nearest of 110 frames of another photo of the same people differed in 32."""

_SMALL: Final = 32  # cells a side of the aligned face
_CELL: Final = 3  # pixels of a cell
_ROOM: Final = 4  # cells around it, to move in
_KEPT: Final = 12
_MOVES: Final = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)  # cells
_NEAR: Final = tuple(product(_MOVES, _MOVES, (0.96, 1.0, 1.04), (-2.0, 0.0, 2.0)))
_FAR: Final = 64  # from so many differing bits on, no small move is tried
_WAVES: Final = np.cos(
    np.pi / _SMALL * np.outer(np.arange(_KEPT), np.arange(_SMALL) + 0.5), dtype=np.float64
).astype(np.float32)
"""The cosine transform of a row, but for factors that are the same for all pictures."""

Bits = NDArray[np.uint8]


def fingerprint(image: Pixels, face: Face) -> bytes:
    return np.packbits(_signs([_cells(_aligned(image, face))])[0]).tobytes()


def is_copy(image: Pixels, face: Face, known: Sequence[bytes]) -> bool:
    """Whether the face in this picture is one of these pictures."""
    if not known:
        return False
    bits = np.unpackbits(np.frombuffer(b"".join(known), np.uint8)).reshape(-1, BYTES * 8)
    plain = bits[:, :BITS]
    aligned = _aligned(image, face)
    as_it_lies = _differing(_signs([_cells(aligned)]), plain)[0]
    near = plain[as_it_lies < _FAR]
    if not len(near):
        return False
    moved = _signs([_cells(aligned, *move) for move in _NEAR])
    return bool(_differing(moved, near).min() <= SAME)


def _differing(left: Bits, right: Bits) -> NDArray[np.float32]:
    """How many signs of each row differ from each row: their sums less twice their product."""
    one, other = left.astype(np.float32), right.astype(np.float32)
    return one.sum(1)[:, None] + other.sum(1)[None] - 2 * one @ other.T


def _aligned(image: Pixels, face: Face) -> Pixels:
    """The face upright in grey, with some room around it, its edges repeated."""
    side = (_SMALL + 2 * _ROOM) * _CELL
    target = TEMPLATE * (_SMALL * _CELL / TEMPLATE_SIDE) + _ROOM * _CELL
    matrix = similarity(np.asarray(face.landmarks, dtype=np.float64), target)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # a large face: blurred first, so that no fine pattern is left
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale)
    turned = cv2.warpAffine(grey, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.blur(turned, (_CELL, _CELL)), dtype=np.uint8)


def _cells(
    aligned: Pixels, right: float = 0.0, down: float = 0.0, zoom: float = 1.0, turned: float = 0.0
) -> NDArray[np.float32]:
    """32 x 32 cells of it, moved by cells, enlarged and turned by degrees about the middle."""
    middle, centre = (_SMALL - 1) / 2, (len(aligned) - 1) / 2
    cosine = _CELL * zoom * float(np.cos(np.radians(turned)))
    sine = _CELL * zoom * float(np.sin(np.radians(turned)))
    x, y = middle - right, middle - down
    back = np.array(
        [
            [cosine, -sine, centre - cosine * x + sine * y],
            [sine, cosine, centre - sine * x - cosine * y],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(aligned, back, (_SMALL, _SMALL), flags=flags).astype(np.float32)


def _signs(cells: Sequence[NDArray[np.float32]]) -> Bits:
    """One row for each: which of its low frequencies lie above their median."""
    waves = _WAVES @ np.stack(cells) @ _WAVES.T
    rows = waves.reshape(len(cells), -1)[:, 1:]
    return np.asarray(rows > np.median(rows, axis=1, keepdims=True), dtype=np.uint8)
