"""Looks at labelled photos as a worker does: is it good enough, and what is the face's vector?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import Engine, Pixels
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.quality import CHECK_IN, ENROLMENT, QualityReason, assess, failings
from apps.biometrics.upright import turned_upright
from apps.face_models.evaluation.bare import Embed
from apps.face_models.evaluation.pairs import LabelledPhoto

Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """One photo. Vectors are None where there is no face, or it was not asked for."""

    person: str
    refused: tuple[str, ...]  # why nobody could enrol with it
    unfit: tuple[str, ...]  # why it would not be compared at a check-in
    vector: Vector | None = None
    template: Vector | None = None  # with the mirror image; only where it is not refused
    bare: Vector | None = None


def look_at_all(
    photos: Iterable[LabelledPhoto], engine: Engine, bare: Embed, *, report: Callable[[], object]
) -> list[Looked]:
    """`report()` after each. A file that is no photo is counted, with its reason."""
    found = []
    for photo in photos:
        found.append(_look_at(photo, engine, bare))
        report()
    return found


def _look_at(photo: LabelledPhoto, engine: Engine, bare: Embed) -> Looked:
    try:
        pixels = read_photo(read_photo(photo.path.read_bytes()).jpeg()).pixels()
    except ImageRefused as refused:
        why = (refused.reason.value,)
        return Looked(person=photo.person, refused=why, unfit=why)
    return _seen(photo.person, pixels, engine, bare(pixels))


def _seen(person: str, pixels: Pixels, engine: Engine, bare: Vector | None) -> Looked:
    upright, faces, _turned = turned_upright(engine, pixels)
    seen = assess(upright, faces, ENROLMENT)
    if seen.face is None or seen.measurements is None:
        why = (QualityReason.NO_FACE.value,)
        return Looked(person=person, refused=why, unfit=why, bare=bare)
    return Looked(
        person=person,
        refused=tuple(reason.value for reason in seen.reasons),
        unfit=tuple(reason.value for reason in failings(seen.measurements, CHECK_IN)),
        vector=engine.embed(upright, [seen.face])[0],
        template=engine.embed(upright, [seen.face], mirrored=True)[0] if seen.passed else None,
        bare=bare,
    )
