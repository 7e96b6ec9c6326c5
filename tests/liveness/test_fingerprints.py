"""Pictures that come a second time."""

import cv2
import numpy as np
import pytest

from apps.biometrics.engines import Engine, Pixels
from apps.liveness.fingerprints import BYTES, fingerprint, is_copy
from apps.liveness.worker import look_at_frame
from tests.liveness.support import Portrait, decoded, encoded


@pytest.fixture(scope="module")
def portrait(engine: Engine, astronaut: Pixels) -> Portrait:
    return Portrait(engine, astronaut)


@pytest.fixture(scope="module")
def print_(engine: Engine, portrait: Portrait) -> bytes:
    return fingerprint(portrait.picture, engine.detect(portrait.picture)[0])


COPIES = {
    "saved anew": lambda picture: decoded(encoded(picture, quality=60)),
    "smaller": lambda picture: cv2.resize(picture, (380, 380), interpolation=cv2.INTER_AREA),
    "darker": lambda picture: (picture * 0.8).astype(np.uint8),
    "cropped": lambda picture: np.ascontiguousarray(picture[40:, 30:-20]),
    "mirrored": lambda picture: np.ascontiguousarray(picture[:, ::-1]),
}


@pytest.mark.parametrize("made", COPIES)
def test_a_copy_is_known_again(
    engine: Engine, portrait: Portrait, print_: bytes, made: str
) -> None:
    look = look_at_frame(encoded(COPIES[made](portrait.picture)))
    assert len(print_) == BYTES
    assert look.is_copy_of([b"\x55" * BYTES, print_])


def test_another_picture_of_the_same_person_is_none(
    engine: Engine, portrait: Portrait, print_: bytes
) -> None:
    assert not look_at_frame(portrait.enrolled()).is_copy_of([print_])
    assert not look_at_frame(encoded(portrait.picture)).is_copy_of([])


@pytest.mark.parametrize("half", ["upper", "lower"])
def test_all_of_the_face_counts(
    engine: Engine, portrait: Portrait, print_: bytes, half: str
) -> None:
    """With one half of it in one grey, it is another picture."""
    face = engine.detect(portrait.picture)[0]
    left, top, width, height = (round(value) for value in face.box)
    middle = top + height // 2
    rows = slice(top, middle) if half == "upper" else slice(middle, top + height)
    changed = portrait.picture.copy()
    changed[rows, left : left + width] = 120
    assert not is_copy(changed, face, [print_])
