"""How a head is turned, and whether it is one: where the nose goes while eyes and mouth move.

Both eyes and both corners of the mouth lie nearly in a plane, and the nose before it. Whatever a
flat picture of a face does before a camera, a homography takes its four points back to where they
were, and the nose with them. Of a head that turns, the nose does not come back: it has moved by its
depth (25 to 30 mm, at 63 mm between the eyes) times the tangent of the angle. So the shift of
the nose in the plane of the first frame tells that a head was turned sideways, which way, and that
it was no plane. Hartley and Zisserman, Multiple View Geometry, 2nd ed., 13.3 (plane and parallax).

Up and down the detector sees too little of the nose's depth: there, nose, forehead and chin tell
the direction only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines.base import Face

Points = NDArray[np.float64]

PLANE: Final = [0, 1, 3, 4]  # eyes and corners of the mouth, of the five points
_NOSE: Final = 2


@dataclass(frozen=True, slots=True)
class Change:
    """Of a face since the first frame, by its five points. Only `squeezed` decides anything; the
    others are kept with the check, to compare with what all pixels say (`NoseShift`).

    `across`: of the nose against the plane of eyes and mouth, in eye distances, positive to the
    person's left; None where that plane cannot be seen. `nodded`: positive down, no unit.
    `squeezed`: of the plane, 1 for not at all, at 30 degrees about 1.15.
    """

    across: float | None
    nodded: float
    squeezed: float


@dataclass(frozen=True, slots=True)
class NoseShift:
    """How far the tip of the nose has moved since the first frame, in eye distances, to the
    person's left and down. See `apps.liveness.parallax`.

    `across`, `down`: against eyes and mouth. `out_across`, `out_down`: out of what the face around
    it has done, which is what no sheet does, bent or folded.
    """

    across: float
    down: float
    out_across: float
    out_down: float


def change_of(first: Face, then: Face) -> Change:
    before, after = _points(first), _points(then)
    return Change(
        across=_across(upright(first), upright(then)),
        nodded=_nodding(then) - _nodding(first),
        squeezed=_squeezed(before[PLANE], after[PLANE]),
    )


def pose(face: Face) -> tuple[float, float]:
    """Where the nose lies: beside the middle of the eyes, in eye distances (0 frontal, positive
    to the person's left), and between eyes (0) and mouth (1)."""
    points = upright(face)
    height = float(points[3:].mean(axis=0)[1])
    nod = float(points[_NOSE][1]) / height if height > 0 else 0.0
    return float(points[_NOSE][0]), nod


def _points(face: Face) -> Points:
    return np.asarray(face.landmarks, dtype=np.float64)


def _nodding(face: Face) -> float:
    """The nose between eyes and mouth, twice the share of the box above the eyes, less that below
    the mouth: weighed by how steadily they follow a nod in simulated frames."""
    _left, top, _across, height = face.box
    points = _points(face)
    above = (float(points[:2, 1].mean()) - top) / height
    below = (top + height - float(points[3:, 1].mean())) / height
    return pose(face)[1] + 2 * above - below


def _across(before: Points, after: Points) -> float | None:
    back = homography(after[PLANE], before[PLANE])
    if back is None:
        return None
    across = float(mapped(back, after[_NOSE][None])[0][0] - before[_NOSE][0])
    return across if np.isfinite(across) else None


def _squeezed(before: Points, after: Points) -> float:
    """The longer over the shorter axis of the best affine map."""
    rows = np.column_stack([before, np.ones(len(before))])
    affine, *_rest = np.linalg.lstsq(rows, after, rcond=None)
    strengths = np.linalg.svd(affine[:2], compute_uv=False)
    return float(strengths[0] / max(strengths[1], 1e-9))


def homography(source: Points, target: Points) -> Points | None:
    """The 3 x 3 map that takes four points to four points; None where three lie on a line."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    try:
        found = np.linalg.solve(np.array(rows), np.array(values))
    except np.linalg.LinAlgError:
        return None
    return np.append(found, 1.0).reshape(3, 3)


def mapped(matrix: Points, points: Points) -> Points:
    """Points (n x 2) under a homography."""
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(lifted[:, :2] / lifted[:, 2:])


def upright(face: Face) -> Points:
    """The five points with level eyes one unit apart, their middle at the origin."""
    points = _points(face)
    eyes = points[1] - points[0]
    distance = max(float(np.hypot(*eyes)), 1e-9)
    cosine, sine = eyes / distance
    turned = (points - points[:2].mean(axis=0)) @ np.array([[cosine, -sine], [sine, cosine]])
    return np.asarray(turned / distance)
