"""How far the nose of a face has moved against the rest of it, by all of its pixels.

Five points tell a turned head only roughly. Here the later frame is laid over the first one by eyes
and mouth, and what has moved since is measured everywhere (dense inverse search: Kroeger et al.,
ECCV 2016). Against a plane through what is near the eyes and the corners of the mouth, the tip of a
nose moves by its depth times the sine of the angle, sideways and up and down (plane and parallax:
Hartley and Zisserman, Multiple View Geometry, 2nd ed., 13.3): that tells how the head turns.

Paper that is bent like a face or folded along the nose has such a shift too. So a second surface
is fitted to all of the face around the nose, which may be bent and folded: whatever a sheet or a
screen does is in that fit, and the tip of a real nose stands out of it.

Workers only: it needs OpenCV.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines.base import Face, Pixels
from apps.liveness.geometry import PLANE, NoseShift, upright

Grey = NDArray[np.uint8]
Reals = NDArray[np.float64]

_SIDE: Final = 160  # pixels of a face laid flat
_EYES: Final = 64.0  # pixels between its eyes
_MIDDLE: Final = (80.0, 60.0)  # of its eyes
_STEP: Final = 2  # every second pixel is asked
_STRAYS: Final = 2.0  # pixels a point may miss its place there and back
_LEAST: Final = 0.3  # of the points, on the nose and around it, that are found again
_ROUNDS: Final = 4  # of fitting


def nose_shift(first: Pixels, face: Face, then: Pixels, turned: Face) -> NoseShift | None:
    """Of a face in RGB against the same face in an earlier frame; None where too little of it is
    found again. About 10 ms."""
    straight = upright(face) * _EYES + np.array(_MIDDLE)
    one = _laid_flat(first, np.asarray(face.landmarks, dtype=np.float64), straight)
    other = _laid_flat(then, np.asarray(turned.landmarks, dtype=np.float64), straight)
    if one is None or other is None:
        return None
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    none_yet = np.zeros((_SIDE, _SIDE, 2), dtype=np.float32)
    there = np.asarray(search.calc(one, other, none_yet.copy()), dtype=np.float32)
    back = np.asarray(search.calc(other, one, none_yet), dtype=np.float32)
    moved, missed = _found_again(there, back)
    return _standing_out(moved, missed, upright(face))


def _laid_flat(image: Pixels, marks: Reals, straight: Reals) -> Grey | None:
    """The face in grey, eyes and mouth where they are straight ahead, light evened out."""
    rows = np.column_stack([marks[PLANE], np.ones(len(PLANE))])
    matrix = np.linalg.lstsq(rows, straight[PLANE], rcond=None)[0].T
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if not 0.02 < scale < 50:
        return None  # points on a line
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if scale < 0.6:  # a large face: blurred first, so that no fine pattern is left
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale)
    flat = cv2.warpAffine(grey, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
    plain = flat.astype(np.float32)
    plain -= cv2.GaussianBlur(plain, (0, 0), _SIDE / 13)
    contrast = np.sqrt(cv2.GaussianBlur(plain * plain, (0, 0), _SIDE / 13)) + 4
    return np.asarray((128 + 45 * plain / contrast).clip(0, 255), dtype=np.uint8)


def _found_again(there: NDArray[np.float32], back: NDArray[np.float32]) -> tuple[Reals, Reals]:
    """Of the points asked: how far they have moved, and by how much they miss their place on the
    way there and back, both in pixels."""
    rows, columns = np.mgrid[0:_SIDE:_STEP, 0:_SIDE:_STEP].astype(np.float32)
    moved = there[::_STEP, ::_STEP]
    returned = cv2.remap(
        back,
        columns + moved[..., 0],
        rows + moved[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(_SIDE, _SIDE),
    )
    missed = np.linalg.norm(moved + returned, axis=-1)
    return moved.astype(np.float64), missed.astype(np.float64)


def _standing_out(moved: Reals, missed: Reals, points: Reals) -> NoseShift | None:
    """`points`: the five of the first frame, in eye distances from the middle of the eyes."""
    rows, columns = np.mgrid[0:_SIDE:_STEP, 0:_SIDE:_STEP]
    x, y = (columns - _MIDDLE[0]) / _EYES, (rows - _MIDDLE[1]) / _EYES
    (beside, below), mouth = points[2], float(points[3:, 1].mean())
    ridge = beside * np.clip(y / max(below, 0.1), 0, 1)  # the nose lies along it
    nose = (np.abs(x - ridge) < 0.32) & (y > -0.1) & (y < below + 0.28)
    inside = np.hypot(x, (y - 0.5) / 0.95) < 1
    face = inside & (np.abs(x) < 0.95) & (y > -0.35) & (y < mouth + 0.25)
    near = [np.hypot(x - left, y - down) < 0.25 for left, down in points[PLANE]]
    tip = np.hypot((x - beside) / 0.14, (y - below) / 0.16) < 1
    found = missed < _STRAYS
    around, marks = face & ~nose, np.logical_or.reduce(near) & ~nose
    if any((part & found).sum() < _LEAST * part.sum() for part in (around, marks, tip)):
        return None
    at, moves = (x - beside, y), moved[tip & found]
    shifts = []
    for part, surface in ((marks & found, _plane), (around & found, _sheet)):
        laid = _fitted(surface(at[0][part], at[1][part]), moved[part])
        left = moves - surface(at[0][tip & found], at[1][tip & found]) @ laid
        shifts += (np.median(left, axis=0) / _EYES).tolist()
    return NoseShift(*shifts)


def _plane(x: Reals, y: Reals) -> Reals:
    return np.stack([np.ones_like(x), x, y], axis=-1)


def _sheet(x: Reals, y: Reals) -> Reals:
    """A plane that is tilted, bent in any way, and folded along the nose."""
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, np.abs(x)], axis=-1)


def _fitted(rows: Reals, values: Reals) -> Reals:
    """Least squares in which what strays counts less (Cauchy's weights)."""
    weights = np.ones(len(rows))
    steady = 1e-9 * len(rows) * np.eye(rows.shape[1])
    for _round in range(_ROUNDS):
        weighed = rows.T * weights
        found = np.linalg.solve(weighed @ rows + steady, weighed @ values)
        strays = np.linalg.norm(values - rows @ found, axis=1)
        weights = 1 / (1 + (strays / (1.5 * np.median(strays) + 0.2)) ** 2)
    return np.asarray(found)
