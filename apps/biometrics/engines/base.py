"""What every face engine offers, and how it describes itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # height x width x 3, RGB, 0..255
Vectors = NDArray[np.float32]  # n x dimension, each row of length 1

Point = tuple[float, float]


class EngineUnavailable(RuntimeError):
    """The engine cannot run in this process; the message says what to install or to set."""


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face, in pixels of the image it was found in."""

    box: tuple[float, float, float, float]  # left, top, width, height; may reach over the edge
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Right eye, left eye, nose tip, right and left mouth corner, from the person's own view."""
    score: float  # the detector's confidence, 0..1

    @property
    def side(self) -> float:
        """The shorter side of the box."""
        return min(self.box[2], self.box[3])

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What a registered model records. Vectors of different specs are never compared."""

    name: str
    version: str
    dimension: int
    threshold: float
    """Two vectors at most this far apart are taken for one person (1:1). See `metric`."""
    sha256: str
    """Of the embedding model's installed weights file, in hexadecimal."""
    metric: str = "cosine"
    """`cosine`: 1 - dot product of unit vectors, 0..2."""
    margins: tuple[float, ...] = ()
    """By how much the mean distance to 2, 3, … templates may exceed the threshold: a mean strays
    less. The last holds for more; empty where it was not measured."""
    campus_margins: tuple[float, ...] = ()
    """What is added to the threshold for 1, 2, 3, … templates where a whole campus is searched
    (FMR 1e-6): below 0. The last holds for more; empty where it is not known."""
    detector: str = "yunet-2023mar"

    def margin(self, templates: int) -> float:
        return margin_of(self.margins, templates)


def margin_of(margins: Sequence[float], templates: int) -> float:
    """What is added to the threshold for so many templates; see `EngineSpec.margins`."""
    if templates < 2 or not margins:
        return 0.0
    return float(margins[min(templates - 2, len(margins) - 1)])


class Engine(Protocol):
    """Finds faces and turns them into vectors. Instances are safe to share between threads."""

    @property
    def spec(self) -> EngineSpec: ...

    def detect(self, image: Pixels) -> list[Face]:
        """Every face of the image, the largest first."""
        ...

    def embed(self, image: Pixels, faces: list[Face], *, mirrored: bool = False) -> Vectors:
        """One unit vector per face, in the order given; shape (0, dimension) for no face.

        `mirrored`: the mean of the face and its mirror image, in twice the time; for templates.
        """
        ...


def cosine_distance(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Distance of two unit vectors, 0 (same) .. 2 (opposite)."""
    return 1.0 - float(np.dot(left, right))
