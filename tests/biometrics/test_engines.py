"""The engines: lazy, offline, one thread, and the same person close to themselves."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

import cv2
import numpy as np
import pytest

from apps.biometrics.engines import (
    Engine,
    EngineUnavailable,
    Pixels,
    cosine_distance,
    get_engine,
)
from apps.biometrics.engines.alignment import TEMPLATE, aligned_chip, similarity
from apps.biometrics.images import read_photo
from apps.biometrics.weights.catalogue import SFACE, YUNET, WeightsMissing, WrongHash
from apps.biometrics.weights.store import verified_path, weights_dir

HEAVY = ("cv2", "onnxruntime", "onnx", "deepface", "tensorflow")


def run_python(code: str) -> str:
    """The output of a fresh interpreter in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def vector_of(engine: Engine, image: Pixels) -> np.ndarray:
    return engine.embed(image, engine.detect(image)[:1])[0]


def rotated(image: Pixels, degrees: float) -> Pixels:
    height, width = image.shape[:2]
    rotation = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, rotation, (width, height)), dtype=np.uint8)


def test_modules_for_the_web_process_load_no_neural_network() -> None:
    output = run_python(
        "import sys\n"
        "import apps.biometrics.engines, apps.biometrics.images, apps.biometrics.frames\n"
        "import apps.face_models.evaluation.pairs, apps.biometrics.weights.sources\n"
        "import apps.biometrics.weights.demo_faces\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert output == "[]"


def test_the_engine_loads_without_touching_the_network(models_dir: Path) -> None:
    output = run_python(
        "import socket, sys\n"
        "from pathlib import Path\n"
        "def refuse(*args): raise AssertionError('network used')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "from apps.biometrics.engines import get_engine\n"
        f"engine = get_engine('sface', models_dir=Path({str(models_dir)!r}))\n"
        "print(engine.spec.name, 'tensorflow' in sys.modules)"
    )
    assert output == "sface False"


def test_it_computes_on_one_thread(engine: Engine) -> None:
    from deepface import DeepFace

    session = DeepFace.build_model("SFace").model

    assert cv2.getNumThreads() == 1
    assert session.get_session_options().intra_op_num_threads == 1
    assert session.get_session_options().inter_op_num_threads == 1


def test_the_engine_is_loaded_once(models_dir: Path) -> None:
    engine = get_engine("sface", models_dir=models_dir)
    assert get_engine("sface", models_dir=models_dir) is engine


def test_it_finds_the_one_face_and_its_landmarks(engine: Engine, astronaut: Pixels) -> None:
    (face,) = engine.detect(astronaut)
    left, top, width, height = face.box

    assert face.score > 0.9
    assert all(left < x < left + width and top < y < top + height for x, y in face.landmarks)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[1] > nose[1] < left_mouth[1]


@pytest.mark.parametrize("size", [(1, 1), (16, 400), (480, 640)])
def test_a_blank_image_has_no_face(engine: Engine, size: tuple[int, int]) -> None:
    assert engine.detect(np.full((*size, 3), 200, dtype=np.uint8)) == []


def test_noise_has_no_face(engine: Engine, noise: Pixels) -> None:
    assert engine.detect(noise) == []


def test_vectors_have_length_one_and_the_faces_order(engine: Engine, astronaut: Pixels) -> None:
    smaller = cv2.resize(astronaut, None, fx=0.6, fy=0.6)
    canvas = np.full((512, 1024, 3), 127, dtype=np.uint8)
    canvas[:, :512] = astronaut
    canvas[: smaller.shape[0], 600 : 600 + smaller.shape[1]] = smaller

    faces = engine.detect(canvas)
    vectors = engine.embed(canvas, faces[::-1])

    assert [face.box[0] > 512 for face in faces] == [False, True]  # the largest first
    assert vectors.shape == (2, engine.spec.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert np.allclose(vectors[1], engine.embed(canvas, faces[:1])[0], atol=1e-6)


def test_no_face_gives_no_vector(engine: Engine, noise: Pixels) -> None:
    assert engine.embed(noise, []).shape == (0, engine.spec.dimension)


def test_different_shots_of_one_portrait_match(engine: Engine, astronaut: Pixels) -> None:
    larger = cv2.resize(astronaut[20:300, 80:380], None, fx=1.7, fy=1.7)
    closer = np.asarray(larger, dtype=np.uint8)
    worse = np.clip(rotated(astronaut, 12).astype(float) * 0.6, 0, 255).astype(np.uint8)

    distance = cosine_distance(vector_of(engine, closer), vector_of(engine, worse))

    assert distance < engine.spec.threshold / 2


def test_people_of_the_demo_match_themselves_only(engine: Engine, demo_faces: Path) -> None:
    vectors = {
        path: vector_of(engine, read_photo(path.read_bytes()).pixels())
        for path in sorted(demo_faces.glob("*/*.jpg"))
    }
    assert len(vectors) == 5
    for one, left in vectors.items():
        for other, right in vectors.items():
            is_match = cosine_distance(left, right) <= engine.spec.threshold
            assert is_match == (one.parent == other.parent), (one, other)


def test_chips_are_those_of_opencv(engine: Engine, astronaut: Pixels, models_dir: Path) -> None:
    recogniser = cv2.FaceRecognizerSF.create(str(verified_path(models_dir, SFACE)), "")
    for image in (astronaut, rotated(astronaut, 25), rotated(astronaut, -40)):
        face = engine.detect(image)[0]
        points = [value for point in face.landmarks for value in point]
        row = np.array([*face.box, *points, face.score], dtype=np.float32)

        theirs = recogniser.alignCrop(image, row).astype(int)
        difference = np.abs(theirs - aligned_chip(image, face))

        assert difference.max() <= 3  # rounding of the transform
        assert difference.mean() < 0.01


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (33, 0.25), (-120, 7.0)])
def test_a_similarity_transform_is_recovered(degrees: float, scale: float) -> None:
    angle = np.radians(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([12.5, -80.0])

    found = similarity(TEMPLATE, TEMPLATE @ linear.T + shift)

    assert np.allclose(found, np.column_stack([linear, shift]))


def test_mirrored_points_are_not_mirrored_back() -> None:
    found = similarity(TEMPLATE * [-1, 1], TEMPLATE)
    assert np.linalg.det(found[:, :2]) > 0


def test_an_unknown_engine_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"'nonesuch'.*sface"):
        get_engine("nonesuch", models_dir=tmp_path)


def test_missing_weights_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="fetch_models"):
        get_engine("sface", models_dir=tmp_path)


def test_changed_weights_are_not_loaded(models_dir: Path, tmp_path: Path) -> None:
    copytree(weights_dir(models_dir), weights_dir(tmp_path))
    with (weights_dir(tmp_path) / YUNET.installed_name).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(WrongHash, match=YUNET.installed_name):
        get_engine("sface", models_dir=tmp_path)


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_without_tensorflow_its_engines_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"campus-platform\[tensorflow\]"):
        get_engine("facenet512", models_dir=tmp_path)


def test_the_mirrored_mean_is_the_same_for_both_ways_round(
    engine: Engine, astronaut: Pixels
) -> None:
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    vectors = []
    for image in (astronaut, flipped):
        faces = engine.detect(image)[:1]
        plain, mirrored = (engine.embed(image, faces, mirrored=both)[0] for both in (False, True))
        assert np.linalg.norm(mirrored) == pytest.approx(1, abs=1e-5)
        assert 0 < cosine_distance(plain, mirrored) < 0.2
        vectors.append((plain, mirrored))
    (plain, mirrored), (plain_flipped, mirrored_flipped) = vectors
    assert cosine_distance(mirrored, mirrored_flipped) < cosine_distance(plain, plain_flipped) / 2
