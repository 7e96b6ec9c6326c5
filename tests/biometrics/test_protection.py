"""The secret rotation keeps distances inside a campus and none across keys."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.biometrics.engines import Engine
from apps.biometrics.evaluation import (
    PairDistances,
    labelled_photos,
    match_rate,
    pair_distances,
    separation,
)
from apps.biometrics.images import read_photo
from apps.biometrics.protection import TemplateProtector, template_protector

KEY, REISSUED = b"k" * 32, b"r" * 32
VERIFY_AT = 0.575  # cosine distance, the default engine's threshold


def unit_vectors(count: int, dimension: int, *, seed: int = 1) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def people(count: int, *, photos: int, spread: float) -> tuple[np.ndarray, list[int]]:
    """Unit vectors that cluster by person, like a good engine's."""
    centres = np.repeat(unit_vectors(count, 128), photos, axis=0)
    noisy = centres + spread * unit_vectors(count * photos, 128, seed=2)
    labels = [person for person in range(count) for _ in range(photos)]
    return noisy / np.linalg.norm(noisy, axis=1, keepdims=True), labels


def across_keys(
    vectors: np.ndarray, labels: list[str] | list[int], reissued: bytes
) -> PairDistances:
    """Distances between old templates (one key) and new ones (the re-issued key)."""
    old = TemplateProtector(KEY, vectors.shape[1]).protect(vectors)
    new = TemplateProtector(reissued, vectors.shape[1]).protect(vectors)
    distances = 1.0 - old.astype(float) @ new.astype(float).T
    same = np.asarray(labels)[:, None] == np.asarray(labels)[None, :]
    return PairDistances(genuine=distances[same], impostor=distances[~same])


def expect_strangers(vectors: np.ndarray, labels: list[str] | list[int]) -> None:
    """Over many re-issues the ROC area is that of a coin, and no old template ever matches.

    One re-issue alone scatters by about 0.02: the trace of a random rotation shifts all genuine
    pairs a little the same way. That is chance, not knowledge, so the mean is what counts.
    """
    areas, matches = [], []
    for number in range(100):
        pairs = across_keys(vectors, labels, bytes([number]) * 32)
        areas.append(separation(pairs))
        matches.append(match_rate(pairs.genuine, VERIFY_AT))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)
    assert np.max(matches) < 1e-3


@pytest.mark.parametrize("dimension", [2, 127, 128, 512])
def test_distances_are_kept(dimension: int) -> None:
    vectors = unit_vectors(60, dimension)
    rotated = TemplateProtector(KEY, dimension).protect(vectors)

    assert rotated.dtype == np.float32
    assert np.abs(rotated @ rotated.T - vectors @ vectors.T).max() < 1e-5
    assert np.abs(np.linalg.norm(rotated, axis=1) - 1).max() < 1e-5


def test_one_vector_is_turned_like_many() -> None:
    vectors = unit_vectors(3, 128)
    protector = TemplateProtector(KEY, 128)
    assert np.allclose(protector.protect(vectors[1]), protector.protect(vectors)[1], atol=1e-7)


def test_plain_and_turned_vectors_have_nothing_in_common() -> None:
    vectors = unit_vectors(400, 128)
    similarity = np.sum(vectors * TemplateProtector(KEY, 128).protect(vectors), axis=1)
    assert abs(similarity.mean()) < 0.02


def test_the_same_key_gives_the_same_rotation_in_every_process() -> None:
    code = (
        "import numpy as np\n"
        "from apps.biometrics.protection import TemplateProtector\n"
        "print(TemplateProtector(b'k' * 32, 128).protect(np.eye(128)[0])[:4].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    here = TemplateProtector(KEY, 128).protect(np.eye(128)[0])[:4].tolist()
    assert done.stdout.strip() == str(here)


def test_the_rotation_is_pinned() -> None:
    """Changing the derivation would silently break every stored template."""
    first = TemplateProtector(KEY, 128).protect(np.eye(128)[0])[:4]
    assert first == pytest.approx([0.083575, 0.001404, -0.165324, -0.044718], abs=1e-6)


def test_rotations_of_many_keys_are_uniform() -> None:
    """Entries of a Haar matrix of size n have mean 0 and variance 1 / n."""
    entries = np.concatenate(
        [
            TemplateProtector(bytes([number]) * 32, 16).protect(np.eye(16)).ravel()
            for number in range(200)
        ]
    )
    assert entries.mean() == pytest.approx(0, abs=0.005)
    assert entries.var() == pytest.approx(1 / 16, rel=0.01)


def test_reissued_templates_compare_like_strangers() -> None:
    vectors, labels = people(60, photos=3, spread=0.5)
    assert separation(pair_distances(vectors, labels)) > 0.99
    expect_strangers(vectors, labels)


@pytest.mark.faces
def test_reissued_templates_of_real_photos_compare_like_strangers(
    engine: Engine, labelled_faces: Path
) -> None:
    vectors, labels = [], []
    for photo in labelled_photos(labelled_faces)[:200]:
        image = read_photo(photo.path.read_bytes()).pixels()
        faces = engine.detect(image)
        vectors.append(engine.embed(image, faces[:1])[0])
        labels.append(photo.person)
    assert separation(pair_distances(np.array(vectors), labels)) > 0.98
    expect_strangers(np.array(vectors), labels)


def test_protectors_are_kept() -> None:
    assert template_protector(KEY, 128) is template_protector(KEY, 128)
    assert template_protector(KEY, 128) is not template_protector(REISSUED, 128)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TemplateProtector(b"short", 128)


def test_vectors_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError, match="512 numbers, not 128"):
        TemplateProtector(KEY, 128).protect(unit_vectors(2, 512))


def test_the_key_is_not_shown() -> None:
    assert "kkkk" not in repr(vars(TemplateProtector(KEY, 4)))
