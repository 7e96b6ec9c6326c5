"""What only a `faces` worker does: find, judge and embed the face of each frame. Imports OpenCV.

Never imported by a module that the web process loads: services import it when they run.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import Face, Pixels, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, by_prominence, failings, measure
from apps.liveness.fingerprints import fingerprint, is_copy

GATE: Final = replace(CHECK_IN, max_turn=2.0, nod=(-1.0, 2.0))  # heads are asked to turn

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLook:
    """`face` and `vector` are None where the frame is `poor`."""

    poor: str = ""
    face: Face | None = None
    vector: Vector | None = None
    fingerprint: bytes = b""
    pixels: Pixels | None = None

    def is_copy_of(self, known: list[bytes]) -> bool:
        return (
            self.face is not None
            and self.pixels is not None
            and is_copy(self.pixels, self.face, known)
        )


def look_at_frame(jpeg: bytes) -> FrameLook:
    """The main face of a frame; 25 ms of one core."""
    try:
        pixels = read_photo(jpeg).pixels()
    except ImageRefused:
        return FrameLook(poor="image_damaged")
    engine = get_engine()
    faces = by_prominence(pixels, engine.detect(pixels))
    if not faces:
        return FrameLook(poor="no_face")
    print_ = fingerprint(pixels, faces[0])
    reasons = failings(measure(pixels, faces), GATE)
    if reasons:
        return FrameLook(poor=reasons[0].value, fingerprint=print_)
    return FrameLook(
        face=faces[0],
        vector=engine.embed(pixels, faces[:1])[0],
        fingerprint=print_,
        pixels=pixels,
    )
