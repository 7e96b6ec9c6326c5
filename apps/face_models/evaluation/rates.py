"""Error rates of all pairs of photos, and how sure they are.

Intervals are of the bootstrap over people, not over pairs: photos of one person resemble each
other, and pairs share photos. A person who is drawn twice weighs twice; nobody is compared with
their own copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

RATES: Final = (1e-2, 1e-3, 1e-4)
TAIL: Final = 0.05  # of the pairs of strangers, the nearest, that are kept one by one
SAMPLE: Final = 200_000  # pairs of strangers, to choose where the tail ends
KEEP_ALL: Final = 3.0  # beyond the largest distance
ROWS: Final = 512  # of the matrix of distances at a time
LEVEL: Final = 95  # per cent


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Distances of photos; people are numbered from 0."""

    photos: Numbers  # of each person
    genuine: Floats  # of two photos of one person, the least first
    whose: Numbers  # the person of each
    tail: Floats  # of photos of two people, the least first, up to where it was cut
    left: Numbers
    right: Numbers
    impostors: int  # all pairs of photos of two people

    @property
    def people(self) -> int:
        return len(self.photos)

    def pairs_of(self, weights: Floats) -> float:
        """Weight of all pairs of two people's photos."""
        heavy = weights * self.photos
        return float((heavy.sum() ** 2 - (heavy**2).sum()) / 2)


@dataclass(frozen=True, kw_only=True)
class Interval:
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Of one engine; `tar` and `thresholds` by false match rate."""

    tar: dict[float, Interval]
    thresholds: dict[float, Interval]
    eer: Interval
    drawn: Floats  # tar of each drawing of people, (rounds, rates), for differences


def scores_of(vectors: NDArray[Any], who: Numbers) -> Scores:
    """Of unit vectors (n, dimension) and the number of each one's person."""
    order = np.argsort(who, kind="stable")
    vectors, who = vectors[order].astype(np.float64), who[order]
    cut = _cut(vectors, who)
    genuine, whose, tail, left, right = [], [], [], [], []
    for start in range(0, len(who), ROWS):
        block = 1.0 - vectors[start : start + ROWS] @ vectors[start:].T
        rows, columns = np.triu_indices(len(block), k=1, m=block.shape[1])
        values = block[rows, columns]
        first, second = who[start + rows], who[start + columns]
        same = first == second
        genuine.append(values[same])
        whose.append(first[same])
        near = ~same & (values <= cut)
        tail.append(values[near])
        left.append(first[near])
        right.append(second[near])
    photos = np.bincount(who).astype(np.int64)
    own, strange = np.concatenate(genuine), np.concatenate(tail)
    by_own, by_strange = np.argsort(own), np.argsort(strange)
    total = (len(who) ** 2 - int((photos**2).sum())) // 2
    return Scores(
        photos=photos,
        genuine=own[by_own],
        whose=np.concatenate(whose)[by_own],
        tail=strange[by_strange],
        left=np.concatenate(left)[by_strange],
        right=np.concatenate(right)[by_strange],
        impostors=total,
    )


def _cut(vectors: Floats, who: Numbers) -> float:
    """Beyond the nearest 5 % and beyond where as many strangers match as own photos are missed;
    all pairs of few photos are kept."""
    if len(who) ** 2 < SAMPLE:
        return KEEP_ALL
    random = np.random.default_rng(1)
    first, second = random.integers(0, len(who), (2, SAMPLE))
    far = 1.0 - np.einsum("ij,ij->i", vectors[first], vectors[second])
    strange = np.sort(far[who[first] != who[second]])
    own = np.sort(far[(who[first] == who[second]) & (first != second)])
    if not len(strange):
        return KEEP_ALL
    rates = np.arange(1, len(strange) + 1) / len(strange)
    missed = 1.0 - np.searchsorted(own, strange, side="right") / max(len(own), 1)
    equal = int(np.argmax(rates >= missed)) if len(own) else 0
    return float(strange[min(max(int(TAIL * len(strange)), 2 * equal), len(strange) - 1)])


def points(
    scores: Scores, weights: Floats | None = None, *, rates: Sequence[float] = RATES
) -> list[tuple[float, float]]:
    """For each false match rate, the loosest threshold whose rate is at most that, and the true
    accepts there.

    Says nothing below one pair of strangers: a rate should be well above 1 / their number. NaN
    where no two people were drawn.
    """
    weights = np.ones(scores.people) if weights is None else weights
    if not scores.pairs_of(weights):
        return [(float("nan"), float("nan"))] * len(rates)
    weighed = np.cumsum(weights[scores.left] * weights[scores.right])
    total = scores.pairs_of(weights) * (1 + 1e-12)
    found = []
    for rate in rates:
        place = min(int(np.searchsorted(weighed, rate * total, side="right")), len(weighed) - 1)
        threshold = float(np.nextafter(scores.tail[place], -np.inf))
        found.append((threshold, accepted(scores, threshold, weights)))
    return found


def accepted(scores: Scores, threshold: float, weights: Floats) -> float:
    """Share of pairs of one person at most this far apart."""
    own = weights[scores.whose]
    matched = own[: np.searchsorted(scores.genuine, threshold, side="right")]
    return float(matched.sum() / own.sum()) if own.sum() else float("nan")


def false_matches(scores: Scores, threshold: float, weights: Floats) -> float:
    """Share of pairs of two people at most this far apart."""
    last = np.searchsorted(scores.tail, threshold, side="right")
    matched = weights[scores.left[:last]] * weights[scores.right[:last]]
    total = scores.pairs_of(weights)
    return float(matched.sum() / total) if total else float("nan")


def equal_error(scores: Scores, weights: Floats | None = None) -> float:
    """The rate at which as many strangers match as own photos are missed."""
    weights = np.ones(scores.people) if weights is None else weights
    total = scores.pairs_of(weights)
    if not total or not weights[scores.whose].any():
        return float("nan")
    matched = np.cumsum(weights[scores.left] * weights[scores.right]) / total
    own = np.concatenate([[0.0], np.cumsum(weights[scores.whose])])
    places = np.searchsorted(scores.genuine, scores.tail, side="right")
    missed = 1.0 - own[places] / own[-1]
    place = int(np.argmax(matched >= missed)) if (matched >= missed).any() else -1
    return float((matched[place] + missed[place]) / 2)


def drawings(people: int, rounds: int, *, seed: int = 1) -> Floats:
    """How often each of so many people is drawn, with replacement: (rounds, people)."""
    random = np.random.default_rng(seed)
    return random.multinomial(people, np.full(people, 1 / people), size=rounds).astype(np.float64)


def measured(scores: Scores, drawn: Floats) -> Measured:
    """Rates of the photos as they are, with intervals over the drawings."""
    found = np.array([points(scores, weights) for weights in drawn])
    equal = [equal_error(scores, weights) for weights in drawn]
    here = points(scores)
    return Measured(
        tar={r: interval(here[n][1], found[:, n, 1]) for n, r in enumerate(RATES)},
        thresholds={r: interval(here[n][0], found[:, n, 0]) for n, r in enumerate(RATES)},
        eer=interval(equal_error(scores), np.array(equal)),
        drawn=found[:, :, 1],
    )


def interval(value: float, drawn: Floats) -> Interval:
    """The middle 95 % of what the drawings gave."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(value=value, low=float("nan"), high=float("nan"))
    low, high = np.percentile(known, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Interval(value=value, low=float(low), high=float(high))
