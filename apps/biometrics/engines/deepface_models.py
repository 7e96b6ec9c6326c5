"""deepface's TensorFlow models behind the same interface (extra `[tensorflow]`).

Their weights come from deepface's own release page: put the file into the models folder by hand,
it is never fetched silently. The thresholds are deepface's own for its own alignment, so measure
yours with `bench/faces.py --engine NAME` before you rely on one.
"""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from apps.biometrics.engines.aligned import AlignedEngine
from apps.biometrics.engines.base import EngineSpec, EngineUnavailable
from apps.biometrics.engines.detection import YuNet
from apps.biometrics.engines.runtime import load_deepface
from apps.biometrics.weights.catalogue import YUNET, WeightsMissing
from apps.biometrics.weights.store import file_sha256, verified_path, weights_dir


@dataclass(frozen=True, slots=True)
class TensorFlowModel:
    model: str  # deepface's name
    dimension: int
    side: int  # pixels of the square input
    threshold: float  # cosine distance, deepface 0.0.103 config/threshold.py
    weights: str


MODELS: Final = {
    "facenet": TensorFlowModel("Facenet", 128, 160, 0.40, "facenet_weights.h5"),
    "facenet512": TensorFlowModel("Facenet512", 512, 160, 0.30, "facenet512_weights.h5"),
    "arcface": TensorFlowModel("ArcFace", 512, 112, 0.68, "arcface_weights.h5"),
    "vgg-face": TensorFlowModel("VGG-Face", 4096, 224, 0.68, "vgg_face_weights.h5"),
    "ghostfacenet": TensorFlowModel("GhostFaceNet", 512, 112, 0.65, "ghostfacenet_v1.h5"),
}


def load(name: str, models_dir: Path) -> AlignedEngine:
    """Build the engine; raises `EngineUnavailable`, `WeightsMissing` or `WrongHash`."""
    _require_tensorflow(name)
    chosen = MODELS[name]
    weights = weights_dir(models_dir) / chosen.weights
    if not weights.is_file():
        raise WeightsMissing(f"The engine {name} needs its weights file {weights}.")
    detector = YuNet(verified_path(models_dir, YUNET))
    _one_thread()
    deepface = load_deepface(backend="tensorflow", models_dir=models_dir, required=True)
    deepface.build_model(chosen.model)
    spec = EngineSpec(
        name=name,
        version="deepface-0.0.103+yunet-2023mar",
        dimension=chosen.dimension,
        threshold=chosen.threshold,
        sha256=file_sha256(weights),
    )
    return AlignedEngine(
        spec=spec, detector=detector, deepface=deepface, model=chosen.model, side=chosen.side
    )


def _require_tensorflow(name: str) -> None:
    missing = [package for package in ("tensorflow", "tf_keras") if find_spec(package) is None]
    if missing:
        raise EngineUnavailable(
            f"The engine {name} needs {' and '.join(missing)}: "
            "pip install 'campus-platform[tensorflow]'."
        )


def _one_thread() -> None:
    """One core per worker, as for the other engine; TensorFlow reads these when it starts."""
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, "1")
