"""The measuring instruments, on distances worked out by hand, and the engine against OpenCV's."""

from pathlib import Path

import numpy as np
import pytest

from apps.biometrics.engines import Engine
from apps.face_models.evaluation.bare import bare_opencv
from apps.face_models.evaluation.pairs import (
    PairDistances,
    labelled_photos,
    match_rate,
    operating_point,
    pair_distances,
    separation,
)
from bench.faces import compare, through


def pairs(genuine: list[float], impostor: list[float]) -> PairDistances:
    return PairDistances(genuine=np.array(genuine), impostor=np.array(impostor))


def test_pairs_are_parted_by_person() -> None:
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    found = pair_distances(vectors, ["ada", "ada", "bob"])
    assert found.genuine == pytest.approx([0.4])
    assert found.impostor == pytest.approx([1.0, 0.2])


def test_the_threshold_lets_no_more_impostors_in_than_asked() -> None:
    impostor = list(np.linspace(0.5, 1.5, 1000))
    point = operating_point(pairs([0.1, 0.5005, 0.9, 2.0], impostor), fmr=0.01)
    assert point.measured_fmr == pytest.approx(0.01)
    assert impostor[9] <= point.threshold < impostor[10]
    assert point.tar == 0.5


def test_a_rate_below_one_pair_lets_nobody_in() -> None:
    point = operating_point(pairs([0.1, 0.45], [0.4, 0.5]), fmr=1e-4)
    assert point.measured_fmr == 0.0
    assert point.tar == 0.5


def test_a_rate_of_one_lets_all_but_the_last_in() -> None:
    assert operating_point(pairs([0.1], [0.4, 0.5]), fmr=1.0).measured_fmr == 0.5


def test_tied_impostors_are_kept_out_together() -> None:
    assert operating_point(pairs([0.1], [0.5] * 10), fmr=0.5).measured_fmr == 0.0


def test_without_pairs_there_is_no_operating_point() -> None:
    with pytest.raises(ValueError, match="pairs"):
        operating_point(pairs([0.1], []), fmr=0.1)


def test_match_rate_includes_the_threshold() -> None:
    assert match_rate(np.array([0.2, 0.5, 0.7]), 0.5) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([0.1, 0.2], [0.5, 0.6], 1.0),
        ([0.5, 0.6], [0.1, 0.2], 0.0),
        ([0.3], [0.3], 0.5),
        ([0.1, 0.7], [0.5], 0.5),
    ],
)
def test_separation(genuine: list[float], impostor: list[float], expected: float) -> None:
    assert separation(pairs(genuine, impostor)) == expected


def test_photos_are_read_from_folders_named_for_people(tmp_path: Path) -> None:
    for name in ("ada/1.jpg", "ada/2.PNG", "bob/1.jpeg", "bob/notes.txt", "loose.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [(photo.person, photo.path.name) for photo in labelled_photos(tmp_path)]
    assert found == [("ada", "1.jpg"), ("ada", "2.PNG"), ("bob", "1.jpeg")]


@pytest.mark.faces
def test_it_is_as_good_as_the_bare_engine(
    engine: Engine, models_dir: Path, labelled_faces: Path
) -> None:
    """Within half a point at FMR 1e-3. Times are measured by bench/faces.py."""
    photos = labelled_photos(labelled_faces)[:200]
    results = compare({"ours": through(engine), "bare": bare_opencv(models_dir)}, photos)
    ours, bare = results["ours"], results["bare"]

    assert ours.found == bare.found
    assert ours.tar["0.001"] >= bare.tar["0.001"] - 0.005
    assert ours.tar["0.001"] > 0.95
