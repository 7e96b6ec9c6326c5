"""The quality gates: each reason on a photo that earns it, and most real photos pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.biometrics.engines import Engine, Face, Pixels
from apps.biometrics.images import read_photo
from apps.biometrics.quality import (
    CHECK_IN,
    ENROLMENT,
    MISMATCH,
    Assessment,
    Gate,
    QualityReason,
    assess,
    by_prominence,
    measure,
    prominence,
)
from apps.face_models.evaluation.pairs import labelled_photos


@pytest.fixture
def judge(engine: Engine) -> Callable[[Pixels, Gate], Assessment]:
    return lambda image, gate: assess(image, engine.detect(image), gate)


Judge = Callable[[Pixels, Gate], Assessment]


def scaled(image: Pixels, factor: float) -> Pixels:
    shrunk = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=np.uint8)


def lit(image: Pixels, *, gain: float = 1.0, lift: float = 0.0) -> Pixels:
    return np.clip(image * gain + lift, 0, 255).astype(np.uint8)


def side_by_side(image: Pixels, other: Pixels) -> Pixels:
    height = max(image.shape[0], other.shape[0])
    canvas = np.full((height, image.shape[1] + other.shape[1], 3), 127, dtype=np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    canvas[: other.shape[0], image.shape[1] :] = other
    return canvas


@pytest.mark.parametrize("gate", [ENROLMENT, CHECK_IN])
def test_a_good_portrait_passes(judge: Judge, astronaut: Pixels, gate: Gate) -> None:
    assessment = judge(astronaut, gate)
    assert assessment.passed
    assert assessment.face is not None
    assert assessment.measurements is not None
    assert assessment.measurements.faces == 1


@pytest.mark.parametrize("gate", [ENROLMENT, CHECK_IN])
def test_no_face_is_said_without_measurements(judge: Judge, noise: Pixels, gate: Gate) -> None:
    assessment = judge(noise, gate)
    assert assessment.reasons == (QualityReason.NO_FACE,)
    assert assessment.face is None
    assert assessment.measurements is None


@pytest.mark.parametrize("gate", [ENROLMENT, CHECK_IN])
def test_two_people_are_refused(judge: Judge, astronaut: Pixels, gate: Gate) -> None:
    group = side_by_side(astronaut, scaled(astronaut, 0.9))
    assert judge(group, gate).reasons == (QualityReason.SEVERAL_FACES,)


def test_a_friend_behind_hinders_enrolment_only(judge: Judge, astronaut: Pixels) -> None:
    photo = side_by_side(astronaut, scaled(astronaut, 0.72))
    assert judge(photo, ENROLMENT).reasons == (QualityReason.SEVERAL_FACES,)
    checked_in = judge(photo, CHECK_IN)
    assert checked_in.passed
    assert checked_in.face is not None
    assert checked_in.face.box[0] < astronaut.shape[1]  # the larger one


@pytest.mark.parametrize("gate", [ENROLMENT, CHECK_IN])
def test_strangers_in_the_background_are_no_hindrance(
    judge: Judge, astronaut: Pixels, gate: Gate
) -> None:
    small = scaled(astronaut, 0.45)
    photo = side_by_side(astronaut, np.concatenate([small, small]))
    assessment = judge(photo, gate)
    assert assessment.measurements is not None
    assert assessment.measurements.faces == 3
    assert assessment.passed
    assert assessment.face is not None
    assert assessment.face.box[0] < astronaut.shape[1]


def test_the_main_face_is_the_central_one_of_two_alike(astronaut: Pixels) -> None:
    height, width = astronaut.shape[:2]
    central = replace(face_with_nose(100, 112), box=(width / 2 - 50, height / 2 - 50, 100, 100))
    outer = replace(central, box=(0, 0, 110, 110))
    assert by_prominence(astronaut, [outer, central]) == [central, outer]
    beyond = replace(central, box=(width, height, 300, 300))  # its middle lies outside
    assert prominence(astronaut, beyond) == 0


def with_bar(image: Pixels, face: Face, *, over: str) -> Pixels:
    """One dark colour over the eyes, or a light one from the nose down."""
    points, covered = np.array(face.landmarks), image.copy()
    distance = float(np.hypot(*(points[1] - points[0])))
    if over == "eyes":
        beyond = np.array([0.45, 0.28]) * distance
        first, last = points[:2].min(axis=0) - beyond, points[:2].max(axis=0) + beyond
    else:
        left, top, across, down = face.box
        first, last = np.array([left, points[2][1]]), np.array([left + across, top + down])
    colour = (10, 10, 10) if over == "eyes" else (190, 210, 220)
    cv2.rectangle(covered, first.astype(int).tolist(), last.astype(int).tolist(), colour, -1)
    return covered


@pytest.mark.parametrize("over", ["eyes", "mouth"])
def test_a_covered_face_is_not_enrolled_and_accuses_nobody(
    engine: Engine, judge: Judge, astronaut: Pixels, over: str
) -> None:
    covered = with_bar(astronaut, engine.detect(astronaut)[0], over=over)
    assert QualityReason.COVERED in judge(covered, ENROLMENT).reasons
    assert QualityReason.COVERED in judge(covered, MISMATCH).reasons
    assert judge(covered, CHECK_IN).passed  # it may match all the same


def test_a_face_that_the_detector_is_not_sure_of_accuses_nobody(
    engine: Engine, astronaut: Pixels
) -> None:
    (face,) = engine.detect(astronaut)
    for score, gates in ((0.95, ()), (0.88, (MISMATCH,)), (0.8, (MISMATCH, ENROLMENT))):
        unsure = [replace(face, score=score)]
        for gate in (CHECK_IN, ENROLMENT, MISMATCH):
            found = QualityReason.UNCLEAR in assess(astronaut, unsure, gate).reasons
            assert found is (gate in gates), score


@pytest.mark.parametrize(
    ("gate", "factor"), [(ENROLMENT, 0.55), (CHECK_IN, 0.35)], ids=["enrolment", "check-in"]
)
def test_a_small_face_is_refused(
    judge: Judge, astronaut: Pixels, gate: Gate, factor: float
) -> None:
    assert QualityReason.FACE_TOO_SMALL in judge(scaled(astronaut, factor), gate).reasons


def test_check_in_takes_a_smaller_face_than_enrolment(judge: Judge, astronaut: Pixels) -> None:
    assert judge(scaled(astronaut, 0.55), CHECK_IN).passed


@pytest.mark.parametrize(
    ("gate", "sigma"), [(ENROLMENT, 3.5), (CHECK_IN, 6.0)], ids=["enrolment", "check-in"]
)
def test_a_blurred_face_is_refused(
    judge: Judge, astronaut: Pixels, gate: Gate, sigma: float
) -> None:
    blurred = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), sigma), dtype=np.uint8)
    assert judge(blurred, gate).reasons == (QualityReason.TOO_BLURRED,)


@pytest.mark.parametrize(
    ("gate", "gain"), [(ENROLMENT, 0.2), (CHECK_IN, 0.1)], ids=["enrolment", "check-in"]
)
def test_a_dark_face_is_refused(judge: Judge, astronaut: Pixels, gate: Gate, gain: float) -> None:
    assert QualityReason.TOO_DARK in judge(lit(astronaut, gain=gain), gate).reasons


def test_an_overexposed_face_is_refused(judge: Judge, astronaut: Pixels) -> None:
    assert QualityReason.TOO_BRIGHT in judge(lit(astronaut, lift=110), ENROLMENT).reasons


def face_with_nose(x: float, y: float) -> Face:
    """Eyes at height 80, mouth at height 140, the nose where told."""
    points = ((70.0, 80.0), (130.0, 80.0), (x, y), (75.0, 140.0), (125.0, 140.0))
    return Face(box=(40.0, 30.0, 120.0, 150.0), landmarks=points, score=0.9)


@pytest.mark.parametrize(
    ("x", "y", "enrolment", "check_in"),
    [
        (100, 112, True, True),  # straight ahead
        (120, 112, True, True),  # a third of the eye distance
        (135, 112, False, True),
        (155, 112, False, False),  # in profile
        (45, 112, False, False),
        (100, 95, False, False),  # looking up at the ceiling
        (100, 138, False, False),  # looking at the floor
    ],
)
def test_faces_turned_away_are_refused(
    astronaut: Pixels, x: float, y: float, enrolment: bool, check_in: bool
) -> None:
    faces = [face_with_nose(x, y)]
    turned = QualityReason.TURNED_AWAY
    assert (turned not in assess(astronaut, faces, ENROLMENT).reasons) is enrolment
    assert (turned not in assess(astronaut, faces, CHECK_IN).reasons) is check_in


@pytest.mark.parametrize("degrees", [-60, 25, 90])
def test_the_pose_does_not_depend_on_tilt(astronaut: Pixels, degrees: float) -> None:
    upright = face_with_nose(112, 115)
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (np.array(upright.landmarks) - 100) @ rotation.T + 100
    one, two, three, four, five = [(x, y) for x, y in points.tolist()]
    tilted = replace(upright, landmarks=(one, two, three, four, five))

    before, after = measure(astronaut, [upright]), measure(astronaut, [tilted])

    assert before.tilt == pytest.approx(0)
    assert after.tilt == pytest.approx(degrees)
    assert after.turn == pytest.approx(before.turn)
    assert after.nod == pytest.approx(before.nod)


def test_a_mirrored_face_turns_the_other_way(engine: Engine, demo_faces: Path) -> None:
    image = read_photo((demo_faces / "obama" / "2.jpg").read_bytes()).pixels()
    mirrored = np.ascontiguousarray(image[:, ::-1])
    plain = measure(image, engine.detect(image))
    other = measure(mirrored, engine.detect(mirrored))
    assert abs(plain.turn) > 0.1
    assert other.turn == pytest.approx(-plain.turn, abs=0.06)


@pytest.mark.faces
def test_most_portraits_are_good_enough_to_enrol(engine: Engine, labelled_faces: Path) -> None:
    """Also those with people in the background, which every sixth has."""
    passed = []
    for photo in labelled_photos(labelled_faces)[:240]:
        image = read_photo(photo.path.read_bytes()).pixels()
        passed.append(assess(image, engine.detect(image), ENROLMENT).passed)
    assert np.mean(passed) >= 0.95
