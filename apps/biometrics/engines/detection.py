"""YuNet: finds faces and their five landmarks."""

import threading
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from apps.biometrics.engines.base import Face, Pixels, Point

SCORE: Final = 0.6
"""Least confidence. deepface asks 0.9 and misses five of six people in a group photo."""
SMALLEST_SIDE: Final = 32  # pixels: the coarsest stride of the network; below it nothing is found


class YuNet:
    """OpenCV's FaceDetectorYN; one at a time, since the detector keeps its input size."""

    def __init__(self, weights: Path) -> None:
        cv2.setNumThreads(1)  # a worker has a core for itself; spinning threads cost ten times
        self._detector = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), SCORE)
        self._lock = threading.Lock()

    def detect(self, image: Pixels) -> list[Face]:
        """Every face of an RGB image, the largest first."""
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            return []
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        with self._lock:
            self._detector.setInputSize((width, height))
            _, rows = self._detector.detect(bgr)
        if rows is None:
            return []
        return sorted((_face(row) for row in rows), key=lambda face: face.area, reverse=True)


def _face(row: np.ndarray) -> Face:
    """Columns: box (4), five points (10), score. https://docs.opencv.org/4.x/df/d20/"""
    left, top, width, height = (float(value) for value in row[:4])
    points: list[Point] = [(float(row[i]), float(row[i + 1])) for i in range(4, 14, 2)]
    return Face(
        box=(left, top, width, height),
        landmarks=(points[0], points[1], points[2], points[3], points[4]),
        score=float(row[14]),
    )
