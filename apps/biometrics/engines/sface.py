"""The default engine: deepface's SFace on onnxruntime, 128 numbers, no TensorFlow."""

from pathlib import Path
from typing import Final

from apps.biometrics.engines.aligned import AlignedEngine
from apps.biometrics.engines.alignment import TEMPLATE_SIDE
from apps.biometrics.engines.base import EngineSpec
from apps.biometrics.engines.detection import YuNet
from apps.biometrics.engines.runtime import load_deepface, single_threaded_session
from apps.biometrics.weights.catalogue import SFACE, YUNET
from apps.biometrics.weights.store import verified_path

MODEL: Final = "SFace"
SPEC: Final = EngineSpec(
    name="sface",
    version="2021dec+yunet-2023mar",
    dimension=128,
    # FMR at most 1e-4 (NIST SP 800-63B-4 §3.2.3.1): 0.583 held on 2,440 LFW photos, 0.579 on
    # another choice of 800; this is the stricter with a little room.
    threshold=0.575,
    # 0.6066 with two templates, 0.6131 with three kept FMR 1e-4 in 878,816 and 563,197 comparisons
    # of strangers (800 LFW photos, templates with their mirror image); a little room here too.
    margins=(0.025, 0.033),
    # FMR 1e-6 cannot be counted on 200 people: the tail of the same comparisons continued, as a
    # straight line and as a parabola of log10 and as a normal distribution, reaches it at 0.478 to
    # 0.493 with one template, 0.514 to 0.522 with two, 0.526 to 0.532 with three (`bench/
    # face_decisions.py`). Counted at these limits: 2 of 609,085 (one pair of people), none, none.
    campus_margins=(-0.1, -0.062, -0.05),
    sha256=SFACE.installed_sha256,
)


def load(name: str, models_dir: Path) -> AlignedEngine:
    """Build the engine from verified files; raises `WeightsMissing` or `WrongHash`."""
    detector = YuNet(verified_path(models_dir, YUNET))
    recogniser = verified_path(models_dir, SFACE)
    deepface = load_deepface(backend="onnx", models_dir=models_dir)
    # deepface offers no session options, so its model gets our single-threaded session.
    deepface.build_model(MODEL).model = single_threaded_session(recogniser)
    return AlignedEngine(
        spec=SPEC, detector=detector, deepface=deepface, model=MODEL, side=TEMPLATE_SIDE
    )
