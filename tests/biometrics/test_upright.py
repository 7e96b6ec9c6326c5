"""Photos that lie on their side or stand on their head are turned before they are judged."""

from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.biometrics.engines import Engine, Pixels, cosine_distance
from apps.biometrics.images import read_photo
from apps.biometrics.models import FaceVerification
from apps.biometrics.upright import SURE, turned_upright
from apps.face_models.evaluation.pairs import labelled_photos
from tests.biometrics.support import enrol
from tests.biometrics.test_verification import verify
from tests.factories import Cast


def turned(image: Pixels, quarters: int) -> Pixels:
    return np.ascontiguousarray(np.rot90(image, quarters))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_portrait_is_turned_back(engine: Engine, astronaut: Pixels, quarters: int) -> None:
    image, faces, degrees = turned_upright(engine, turned(astronaut, quarters))
    assert degrees == (360 - 90 * quarters) % 360
    assert np.array_equal(image, astronaut)
    upright = engine.embed(astronaut, engine.detect(astronaut)[:1])[0]
    assert cosine_distance(engine.embed(image, faces[:1])[0], upright) < 0.01


def test_a_picture_without_a_face_stays_as_it_is(engine: Engine, noise: Pixels) -> None:
    image, faces, degrees = turned_upright(engine, noise)
    assert (faces, degrees) == ([], 0)
    assert image is noise


class Counting:
    """An engine that counts how often it is asked to look for faces."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.asked = engine, 0

    def detect(self, image: Pixels) -> object:
        self.asked += 1
        return self.engine.detect(image)


def test_a_clear_upright_face_is_looked_for_once(engine: Engine, astronaut: Pixels) -> None:
    assert engine.detect(astronaut)[0].score >= SURE
    counting = Counting(engine)
    turned_upright(counting, astronaut)  # type: ignore[arg-type]
    assert counting.asked == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("media")
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_selfie_on_its_side_or_head_matches(
    in_campus: Cast, engine: Engine, astronaut: Pixels, now: datetime, quarters: int
) -> None:
    def jpeg(image: Pixels) -> bytes:
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        return read_photo(buffer.getvalue()).jpeg()

    sample = enrol(in_campus.student, jpeg(turned(astronaut, quarters)), now)
    assert sample.status == "accepted"
    assert sample.quality["turned_by"] == 360 - 90 * quarters
    outcome = verify(in_campus, jpeg(astronaut), now)
    assert outcome.decision == FaceVerification.Decision.MATCHED
    assert outcome.distance is not None
    assert outcome.distance < 0.05


@pytest.mark.faces
def test_no_upright_photo_is_turned_and_few_others_stay(
    engine: Engine, labelled_faces: Path
) -> None:
    wrong = 0
    photos = labelled_photos(labelled_faces)[:100]
    for photo in photos:
        image = read_photo(photo.path.read_bytes()).pixels()
        assert turned_upright(engine, image)[2] == 0
        wrong += turned_upright(engine, turned(image, 2))[2] != 180
    assert wrong <= 0.03 * len(photos)
