"""Measures a face engine: distances of pairs, true and false match rates, operating points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    person: str
    path: Path


@dataclass(frozen=True, slots=True)
class PairDistances:
    genuine: Distances  # of two photos of one person
    impostor: Distances  # of photos of two people


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    fmr: float  # the false match rate asked for
    threshold: float  # a pair matches up to this distance
    tar: float  # share of genuine pairs that match there
    measured_fmr: float  # share of impostor pairs that match there, at most `fmr`


def labelled_photos(folder: Path) -> list[LabelledPhoto]:
    """The photos of `<folder>/…/<person>/<anything>.jpg`, by person and name.

    A person is the path of a folder below `folder`: those of one name in two places are two.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    people = [(path.parent.relative_to(folder).as_posix(), path) for path in files]
    return [LabelledPhoto(person=person, path=path) for person, path in people if person != "."]


def pair_distances(vectors: NDArray[Any], people: Sequence[object]) -> PairDistances:
    """Cosine distances of all pairs of unit vectors (n x d), parted by whether people are equal."""
    distances = 1.0 - vectors.astype(np.float64) @ vectors.astype(np.float64).T
    labels = np.asarray(people)
    rows, columns = np.triu_indices(len(labels), k=1)
    values, same = distances[rows, columns], labels[rows] == labels[columns]
    return PairDistances(genuine=values[same], impostor=values[~same])


def operating_point(pairs: PairDistances, *, fmr: float) -> OperatingPoint:
    """The loosest threshold whose false match rate is at most `fmr`.

    Says nothing below one impostor pair: `fmr` should be well above 1 / number of impostor pairs.
    """
    if not len(pairs.genuine) or not len(pairs.impostor):
        raise ValueError("An operating point needs genuine and impostor pairs.")
    impostor = np.sort(pairs.impostor)
    allowed = int(fmr * len(impostor))  # this many may match
    threshold = float(np.nextafter(impostor[min(allowed, len(impostor) - 1)], -np.inf))
    return OperatingPoint(
        fmr=fmr,
        threshold=threshold,
        tar=match_rate(pairs.genuine, threshold),
        measured_fmr=match_rate(pairs.impostor, threshold),
    )


def operating_points(pairs: PairDistances, rates: Iterable[float]) -> list[OperatingPoint]:
    return [operating_point(pairs, fmr=rate) for rate in rates]


def match_rate(distances: Distances, threshold: float) -> float:
    """Share of pairs at most `threshold` apart, 0..1."""
    return float(np.mean(distances <= threshold))


def separation(pairs: PairDistances) -> float:
    """Area under the ROC curve: the chance that a genuine pair is closer than an impostor pair.

    1.0 parts them perfectly, 0.5 is a coin. Ties count half (Mann and Whitney's U).
    """
    impostor = np.sort(pairs.impostor)
    below = np.searchsorted(impostor, pairs.genuine, side="left")
    not_above = np.searchsorted(impostor, pairs.genuine, side="right")
    closer = len(impostor) - (below + not_above) / 2.0
    return float(np.mean(closer) / len(impostor))
