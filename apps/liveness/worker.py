"""What only a `faces` worker does: find, judge and embed the face of each frame. Imports OpenCV.

Never imported by a module that the web process loads: services import it when they run.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from apps.biometrics.engines import DEFAULT_ENGINE, Engine, Face, Pixels, get_engine
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, by_prominence, failings, measure
from apps.liveness.antispoof import antispoof_in
from apps.liveness.fingerprints import fingerprint, is_copy
from apps.liveness.geometry import NoseShift
from apps.liveness.parallax import nose_shift

logger = logging.getLogger(__name__)

GATE: Final = replace(CHECK_IN, max_turn=2.0, nod=(-1.0, 2.0), rival_share=0.9)
"""Of a frame: heads are asked to turn, and who is in the background is no rival, since each frame
is compared with the one before."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLook:
    """`face` and `vector` are None where the frame is `poor`."""

    poor: str = ""
    face: Face | None = None
    vector: Vector | None = None
    fingerprint: bytes = b""
    pixels: Pixels | None = None
    engine: Engine | None = None  # which has looked

    def is_copy_of(self, known: list[bytes]) -> bool:
        """Whether this picture, or its mirror image, is one of these; about 50 ms."""
        if not known or self.face is None or self.pixels is None or self.engine is None:
            return False
        if is_copy(self.pixels, self.face, known):
            return True
        # Looked for anew: in a mirror image the detector puts the points a little elsewhere.
        mirrored = np.ascontiguousarray(self.pixels[:, ::-1])
        faces = by_prominence(mirrored, self.engine.detect(mirrored))
        return bool(faces) and is_copy(mirrored, faces[0], known)

    def second_opinion(self) -> float | None:
        """How far the frame shows a live face, 0..1, to the networks that an operator may have
        fetched; None where they are not installed or cannot be used, and of a poor frame."""
        if self.face is None or self.pixels is None:
            return None
        try:
            networks = antispoof_in(Path(settings.CAMPUS_MODELS_DIR))
            return None if networks is None else networks.live_share(self.pixels, self.face)
        except Exception:
            # Files that somebody chose, for an opinion that decides nothing.
            logger.exception("second_opinion_failed")
            return None

    def nose_since(self, first: "FrameLook") -> NoseShift | None:
        """How far the nose stands out against that frame; None where one of them is poor."""
        if self.face is None or self.pixels is None or first.face is None or first.pixels is None:
            return None
        return nose_shift(first.pixels, first.face, self.pixels, self.face)


def look_at_frame(jpeg: bytes, *, engine: str = DEFAULT_ENGINE) -> FrameLook:
    """The main face of a frame by the engine of this name; 25 ms of one core."""
    try:
        pixels = read_photo(jpeg).pixels()
    except ImageRefused:
        return FrameLook(poor="image_damaged")
    chosen = get_engine(engine)
    faces = by_prominence(pixels, chosen.detect(pixels))
    if not faces:
        return FrameLook(poor="no_face")
    print_ = fingerprint(pixels, faces[0])
    reasons = failings(measure(pixels, faces), GATE)
    if reasons:
        return FrameLook(poor=reasons[0].value, fingerprint=print_)
    return FrameLook(
        face=faces[0],
        vector=chosen.embed(pixels, faces[:1])[0],
        fingerprint=print_,
        pixels=pixels,
        engine=chosen,
    )
