"""What somebody without the keys tries with two sets of stored vectors of the same people.

Each attack gives a score for every (row of the old set, row of the new set), higher for the same
face. Vectors are rows; of one person there are three, one after the other.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.face_models.evaluation.pairs import PairDistances, separation

Vectors = NDArray[Any]
Scores = NDArray[np.float64]
Attack = Callable[[Vectors, Vectors], Scores]

PHOTOS = 3  # of each person


def by_direct_comparison(old: Vectors, new: Vectors) -> Scores:
    return np.asarray(old.astype(float) @ new.astype(float).T)


def by_principal_components(old: Vectors, new: Vectors) -> Scores:
    """Components of a whole set stay when all of it is rotated; their signs follow skewness."""
    return _nearness(_components(old), _components(new))


def by_sorted_magnitudes(old: Vectors, new: Vectors) -> Scores:
    """They stay when numbers only change places and signs."""
    return _nearness(np.sort(np.abs(old), axis=1), np.sort(np.abs(new), axis=1))


def by_own_distances(old: Vectors, new: Vectors) -> Scores:
    """Of people instead of rows: distances among the vectors of one person."""
    return _nearness(_own_products(old), _own_products(new))


def by_known_pairs(plain: Vectors, stored: Vectors, *, known: int) -> Scores:
    """Learn the map from `known` pairs of plain and stored vectors, then look for the others."""
    left, _strengths, right = np.linalg.svd(plain[:known].T.astype(float) @ stored[:known])
    return np.asarray(plain[known:].astype(float) @ (left @ right) @ stored[known:].T.astype(float))


def first_ranks(scores: Scores) -> float:
    """Share of rows whose best partner is the right one."""
    return float(np.mean(scores.argmax(axis=1) == np.arange(len(scores))))


def area(scores: Scores) -> float:
    """Under the ROC curve: 1 links every row, 0.5 is a coin."""
    same = np.eye(len(scores), dtype=bool)
    return separation(PairDistances(genuine=-scores[same], impostor=-scores[~same]))


def _nearness(old: Vectors, new: Vectors) -> Scores:
    squares = (old**2).sum(1)[:, None] + (new**2).sum(1)[None] - 2 * old @ new.T
    return np.asarray(-squares, dtype=np.float64)


def _components(vectors: Vectors) -> Vectors:
    centred = vectors.astype(float) - vectors.mean(axis=0)
    left, strengths, _right = np.linalg.svd(centred, full_matrices=False)
    scores = left * strengths
    return np.asarray(scores * np.sign((scores**3).sum(axis=0)))


def _own_products(vectors: Vectors) -> Vectors:
    first, second, third = (vectors[each::PHOTOS].astype(float) for each in range(PHOTOS))
    products = [(a * b).sum(1) for a, b in ((first, second), (first, third), (second, third))]
    return np.sort(np.stack(products, axis=1), axis=1)
