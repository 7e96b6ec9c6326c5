"""Frames keep distances for who has the keys, and link nothing for who has not."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from apps.biometrics import frames
from apps.biometrics.engines import Engine
from apps.biometrics.frames import frame_key, turned, turned_back
from apps.biometrics.images import read_photo
from apps.face_models.evaluation.pairs import labelled_photos, pair_distances, separation
from tests.biometrics import linking
from tests.biometrics.linking import PHOTOS, Attack, area, first_ranks

KEY = b"k" * 32
ATTACKS: list[Attack] = [
    linking.by_direct_comparison,
    linking.by_principal_components,
    linking.by_sorted_magnitudes,
    linking.by_own_distances,
]
REISSUES = 12  # one alone scatters: its mean is what counts
KNOWN = 500

Frame = Callable[[int], str]
"""Of a row: templates with the same name share a frame."""


def unit_vectors(count: int, dimension: int, *, seed: int = 1) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def keys_of(count: int, *, salt: str = "", frame: Frame = str) -> list[bytes]:
    return [hashlib.sha256(f"{salt}/{frame(row)}".encode()).digest() for row in range(count)]


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """200 made-up people with three photos each, in clusters like a good engine's."""
    centres = np.repeat(unit_vectors(200, 128), PHOTOS, axis=0)
    noisy = centres + 0.5 * unit_vectors(200 * PHOTOS, 128, seed=2)
    return noisy / np.linalg.norm(noisy, axis=1, keepdims=True)


@pytest.mark.parametrize("dimension", [1, 2, 3, 127, 128, 160, 512, 4096])
def test_distances_to_a_probe_are_the_plain_ones(dimension: int) -> None:
    vectors, keys = unit_vectors(40, dimension), keys_of(40)
    stored, probe = turned(vectors, keys), vectors[7]

    assert stored.dtype == np.float32
    there = (turned(probe, keys).astype(float) * stored.astype(float)).sum(axis=1)
    assert np.abs(there - vectors.astype(float) @ probe.astype(float)).max() < 1e-6
    assert np.abs(turned_back(stored, keys) - vectors).max() < 1e-6


def test_one_probe_and_a_row_for_each_key_are_the_same() -> None:
    probe, keys = unit_vectors(1, 128)[0], keys_of(5)
    assert np.array_equal(turned(probe, keys), turned(np.stack([probe] * 5), keys))
    assert turned(probe, []).shape == (0, 128)


def test_a_face_is_spread_over_all_numbers() -> None:
    """One number of a vector alone says nothing: its share is everywhere."""
    stored = turned(np.eye(128)[5], keys_of(400))
    assert np.abs(stored.mean(axis=0)).max() < 5 / np.sqrt(128 * 400)
    assert (stored**2).mean(axis=0) == pytest.approx(np.full(128, 1 / 128), rel=0.6)


class TestLinking:
    """Each attack succeeds where frames are shared, so that it would be seen to."""

    @pytest.mark.parametrize("attack", ATTACKS)
    def test_a_reissue_and_another_campus_are_strangers(
        self, people: np.ndarray, attack: Attack
    ) -> None:
        expect_strangers(people, attack)

    def test_one_frame_a_campus_is_linked_whole(self, people: np.ndarray) -> None:
        old, new = two_issues(people, frame=lambda _row: "campus")
        assert first_ranks(linking.by_principal_components(old, new)) == 1

    def test_one_frame_a_person_is_linked_by_their_own_distances(self, people: np.ndarray) -> None:
        old, new = two_issues(people, frame=lambda row: str(row // PHOTOS))
        assert first_ranks(linking.by_own_distances(old, new)) > 0.95
        assert first_ranks(linking.by_principal_components(old, new)) < 0.02

    def test_signs_and_places_alone_are_linked_by_magnitudes(
        self, people: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(frames, "_hadamard", lambda rows: rows)
        old, new = two_issues(people, frame=str)
        assert first_ranks(linking.by_sorted_magnitudes(old, new)) == 1

    def test_known_pairs_of_others_give_nothing_back(self, people: np.ndarray) -> None:
        shared = turned(people, keys_of(len(people), frame=lambda _row: "campus"))
        assert first_ranks(linking.by_known_pairs(people, shared, known=KNOWN)) == 1
        expect_known_pairs_worthless(people)

    @pytest.mark.faces
    def test_the_same_of_real_photos(self, engine: Engine, labelled_faces: Path) -> None:
        vectors, labels = real_people(engine, labelled_faces)
        assert separation(pair_distances(vectors, labels)) > 0.98
        for attack in ATTACKS:
            expect_strangers(vectors, attack)
        expect_known_pairs_worthless(vectors)


def two_issues(vectors: np.ndarray, *, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    old, new = (keys_of(len(vectors), salt=salt, frame=frame) for salt in ("old", "new"))
    return turned(vectors, old), turned(vectors, new)


def expect_strangers(vectors: np.ndarray, attack: Attack) -> None:
    areas, ranks = [], []
    for number in range(REISSUES):
        old, new = (turned(vectors, keys_of(len(vectors), salt=f"{number}{s}")) for s in "ab")
        scores = attack(old, new)
        areas.append(area(scores))
        ranks.append(first_ranks(scores))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)
    assert np.mean(ranks) < 5 / len(scores)  # chance: one row in as many


def expect_known_pairs_worthless(vectors: np.ndarray) -> None:
    areas, ranks = [], []
    for number in range(REISSUES):
        stored = turned(vectors, keys_of(len(vectors), salt=str(number)))
        scores = linking.by_known_pairs(vectors, stored, known=KNOWN)
        areas.append(area(scores))
        ranks.append(first_ranks(scores))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)
    assert np.mean(ranks) < 5 / len(scores)


def real_people(engine: Engine, folder: Path) -> tuple[np.ndarray, list[str]]:
    """200 people with three photos each."""
    vectors, labels = [], []
    for photo in labelled_photos(folder):
        if labels.count(photo.person) == PHOTOS:
            continue
        image = read_photo(photo.path.read_bytes()).pixels()
        faces = engine.detect(image)
        if faces:
            vectors.append(engine.embed(image, faces[:1])[0])
            labels.append(photo.person)
    whole = [row for row, person in enumerate(labels) if labels.count(person) == PHOTOS]
    return np.array(vectors)[whole], [labels[row] for row in whole]


def test_frames_are_the_same_in_every_process() -> None:
    code = (
        "import numpy as np\n"
        "from apps.biometrics.frames import turned\n"
        "print(turned(np.eye(128)[0], [b'k' * 32])[0, :4].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(turned(np.eye(128)[0], [KEY])[0, :4].tolist())


def test_frames_are_pinned() -> None:
    """Changing the derivation would silently break every stored template."""
    assert list(frame_key(KEY, b"f" * 16)[:4]) == [104, 174, 62, 180]
    assert turned(np.eye(128)[0], [KEY])[0, :4] == pytest.approx(
        [-0.044194, 0.044194, -0.038670, 0.104961], abs=1e-6
    )
    assert turned(np.eye(3)[0], [KEY])[0] == pytest.approx(
        [-0.146447, 0.250000, 0.957107], abs=1e-6
    )


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        turned(np.eye(128)[0], [b"short"])
