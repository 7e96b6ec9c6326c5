"""Turns a face upright and to size by its five landmarks.

The same result as OpenCV's `FaceRecognizerSF.alignCrop`, without loading its network a second time.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines.base import Face, Pixels

TEMPLATE_SIDE: Final = 112
TEMPLATE: Final = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where the five points of a frontal face lie in a 112 x 112 chip (ArcFace, arXiv:1801.07698)."""


def aligned_chip(image: Pixels, face: Face, *, side: int = TEMPLATE_SIDE) -> Pixels:
    """The face as a square RGB chip of `side` pixels, eyes level, black where the image ends."""
    target = TEMPLATE * (side / TEMPLATE_SIDE)
    transform = similarity(np.asarray(face.landmarks, dtype=np.float64), target)
    chip = cv2.warpAffine(image, transform, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(chip, dtype=np.uint8)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2 x 3 rotation, uniform scale and shift that best maps source points on target points.

    Least squares after Umeyama, IEEE PAMI 13(4), 1991, eqs. 40-43. Points are rows (n x 2).
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_centred, target_centred = source - source_mean, target - target_mean
    left, strengths, right = np.linalg.svd(target_centred.T @ source_centred / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    rotation = (left * signs) @ right
    variance = source_centred.var(axis=0).sum()
    scale = float(strengths @ signs) / variance if variance > 0 else 1.0
    linear = scale * rotation
    return np.column_stack([linear, target_mean - linear @ source_mean])
