"""What only a `faces` worker does: decode, detect, judge, embed. Imports OpenCV and onnxruntime.

Never imported by a module that the web process loads: services import it when they run.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import DEFAULT_ENGINE, EngineSpec, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, ENROLMENT, MISMATCH, Gate, assess, failings
from apps.biometrics.reasons import SampleReason
from apps.biometrics.upright import turned_upright


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the engine saw of the main face. `vector` is None whenever there are reasons.

    `doubts`: why a mismatch of this photo would say nothing; of check-ins only.
    """

    reasons: tuple[str, ...]
    measurements: dict[str, Any]
    vector: NDArray[np.float32] | None
    doubts: tuple[str, ...] = ()


def engine_spec(name: str = DEFAULT_ENGINE) -> EngineSpec:
    """Of the engine of this name; loads it."""
    return get_engine(name).spec


def observe_for_enrolment(jpeg: bytes, *, engine: str = DEFAULT_ENGINE) -> Observation:
    return _observe(jpeg, ENROLMENT, engine=engine, mirrored=True)


def observe_for_check_in(jpeg: bytes, *, engine: str = DEFAULT_ENGINE) -> Observation:
    return _observe(jpeg, CHECK_IN, engine=engine, sure=MISMATCH)


def _observe(
    jpeg: bytes, gate: Gate, *, engine: str, sure: Gate | None = None, mirrored: bool = False
) -> Observation:
    """Judge a stored JPEG by a gate, turned upright, and embed its face if it passes: 35 ms,
    45 with its mirror image (`Engine.embed`)."""
    try:
        pixels = read_photo(jpeg).pixels()
    except ImageRefused:
        return Observation(reasons=(SampleReason.DAMAGED.value,), measurements={}, vector=None)
    chosen = get_engine(engine)
    pixels, faces, turned = turned_upright(chosen, pixels)
    seen = assess(pixels, faces, gate)
    reasons = tuple(reason.value for reason in seen.reasons)
    if seen.face is None or seen.measurements is None:
        return Observation(reasons=reasons, measurements={}, vector=None)
    return Observation(
        reasons=reasons,
        measurements=_rounded(asdict(seen.measurements) | {"turned_by": turned}),
        vector=chosen.embed(pixels, [seen.face], mirrored=mirrored)[0] if seen.passed else None,
        doubts=tuple(reason.value for reason in failings(seen.measurements, sure)) if sure else (),
    )


def _rounded(measurements: dict[str, Any]) -> dict[str, Any]:
    return {name: round(float(value), 4) for name, value in measurements.items()}
