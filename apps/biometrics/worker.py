"""What only a `faces` worker does: decode, detect, judge, embed. Imports OpenCV and onnxruntime.

Never imported by a module that the web process loads: services import it when they run.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import EngineSpec, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, ENROLMENT, MISMATCH, Gate, assess
from apps.biometrics.reasons import SampleReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the engine saw of the largest face. `vector` is None whenever there are reasons.

    `doubts`: why a mismatch of this photo would say nothing; of check-ins only.
    """

    reasons: tuple[str, ...]
    measurements: dict[str, Any]
    vector: NDArray[np.float32] | None
    doubts: tuple[str, ...] = ()


def engine_spec() -> EngineSpec:
    """Of the engine that this process uses."""
    return get_engine().spec


def observe_for_enrolment(jpeg: bytes) -> Observation:
    return _observe(jpeg, ENROLMENT)


def observe_for_check_in(jpeg: bytes) -> Observation:
    return _observe(jpeg, CHECK_IN, sure=MISMATCH)


def _observe(jpeg: bytes, gate: Gate, *, sure: Gate | None = None) -> Observation:
    """Judge a stored JPEG by a gate and embed its face if it passes; about 35 ms."""
    try:
        pixels = read_photo(jpeg).pixels()
    except ImageRefused:
        return Observation(reasons=(SampleReason.DAMAGED.value,), measurements={}, vector=None)
    engine = get_engine()
    faces = engine.detect(pixels)
    assessment = assess(pixels, faces, gate)
    doubts = assess(pixels, faces, sure).reasons if sure and assessment.passed else ()
    vector = None
    if assessment.passed and assessment.face is not None:
        vector = engine.embed(pixels, [assessment.face])[0]
    return Observation(
        reasons=tuple(reason.value for reason in assessment.reasons),
        measurements=_rounded(asdict(assessment.measurements) if assessment.measurements else {}),
        vector=vector,
        doubts=tuple(reason.value for reason in doubts),
    )


def _rounded(measurements: dict[str, Any]) -> dict[str, Any]:
    return {name: round(float(value), 4) for name, value in measurements.items()}
