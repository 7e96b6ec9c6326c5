"""OpenCV's own engine, called as its documentation shows: what ours is held against."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import Pixels
from apps.biometrics.engines.detection import SCORE
from apps.biometrics.weights.catalogue import SFACE, YUNET
from apps.biometrics.weights.store import verified_path

Embed = Callable[[Pixels], NDArray[np.float32] | None]


def bare_opencv(models_dir: Path) -> Embed:
    """The largest face's unit vector, by FaceDetectorYN and FaceRecognizerSF; None without a face.

    Raises `WeightsMissing` or `WrongHash`.
    """
    detector = cv2.FaceDetectorYN.create(
        str(verified_path(models_dir, YUNET)), "", (320, 320), SCORE
    )
    recogniser = cv2.FaceRecognizerSF.create(str(verified_path(models_dir, SFACE)), "")

    def embed(image: Pixels) -> NDArray[np.float32] | None:
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        detector.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, faces = detector.detect(bgr)
        if faces is None:
            return None
        largest = max(faces, key=lambda row: row[2] * row[3])
        vector = recogniser.feature(recogniser.alignCrop(bgr, largest))[0]
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    return embed
