"""One evaluation: an engine beside the bare one on the same pairs, groups, and what to set."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np

from apps.biometrics.engines.base import EngineSpec
from apps.face_models.evaluation.groups import (
    GroupComparison,
    GroupRates,
    comparisons,
    rates_of_groups,
)
from apps.face_models.evaluation.looking import Looked
from apps.face_models.evaluation.rates import (
    RATES,
    Interval,
    Measured,
    Scores,
    drawings,
    interval,
    measured,
    scores_of,
)

PROPOSED_AT: Final = 1e-4
GROUPS_AT: Final = 1e-3
ENOUGH: Final = 10  # false matches that a rate must lead one to expect before it is proposed from
STEP: Final = 0.005  # thresholds are proposed in such steps
MOST_TEMPLATES: Final = 3
PHOTOS_EACH: Final = 4  # of a person, that templates are chosen among
BINS: Final = 20_000  # of distances 0..2


class TooFew(ValueError):
    """People or photos; the message says what is needed."""


@dataclass(frozen=True, kw_only=True)
class TemplateLimit:
    """Of the mean distance to so many templates."""

    templates: int
    comparisons: int  # of strangers
    threshold: float  # at FMR 1e-4
    missed: float  # share of own photos there


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    spec: EngineSpec
    people: int
    photos: int
    compared: int  # photos in which both engines found a face
    refused: Counter[str]  # photos that nobody could enrol with, by first reason
    unfit: Counter[str]  # photos that would not be compared at a check-in, by first reason
    people_without: int  # nobody could enrol with any of their photos
    engines: dict[str, Measured]
    scores: dict[str, Scores]
    lost: dict[float, Interval]  # true accepts of the bare engine less ours, by false match rate
    proposed: float | None
    limits: list[TemplateLimit]
    groups: list[GroupRates] = field(default_factory=list)
    compared_groups: list[GroupComparison] = field(default_factory=list)

    @property
    def failure_to_enrol(self) -> float:
        return sum(self.refused.values()) / self.photos


def evaluate(
    looked: Sequence[Looked],
    spec: EngineSpec,
    *,
    attributes: dict[str, dict[str, str]],
    rounds: int,
    report: Callable[[str], object],
) -> Evaluation:
    """`attributes`: see `read_groups`; `rounds` drawings of people for the intervals.

    Raises `TooFew` below two people with a face, or without two photos of one person.
    """
    both = [each for each in looked if each.vector is not None and each.bare is not None]
    names = sorted({each.person for each in both})
    number = {name: place for place, name in enumerate(names)}
    who = np.array([number[each.person] for each in both], dtype=np.int64)
    if len(names) < 2 or len(who) == len(names):
        raise TooFew("At least two people are needed, and two photos of one, with a face in each.")
    drawn = drawings(len(names), rounds)
    engines, scores = {}, {}
    for name, attribute in ((spec.name, "vector"), ("bare OpenCV", "bare")):
        report(name)
        vectors = np.array([getattr(each, attribute) for each in both])
        scores[name] = scores_of(vectors, who)
        engines[name] = measured(scores[name], drawn)
    ours, bare = engines[spec.name], engines["bare OpenCV"]
    groups = []
    for attribute, members in attributes.items():
        report(attribute)
        groups += _groups(attribute, members, names, looked, scores[spec.name], drawn, ours)
    report("templates")
    return Evaluation(
        spec=spec,
        people=len({each.person for each in looked}),
        photos=len(looked),
        compared=len(both),
        refused=Counter(each.refused[0] for each in looked if each.refused),
        unfit=Counter(each.unfit[0] for each in looked if each.unfit),
        people_without=len(
            {each.person for each in looked} - {each.person for each in looked if not each.refused}
        ),
        engines=engines,
        scores=scores,
        lost={
            rate: interval(
                bare.tar[rate].value - ours.tar[rate].value, bare.drawn[:, n] - ours.drawn[:, n]
            )
            for n, rate in enumerate(RATES)
        },
        proposed=_proposed(scores[spec.name], ours),
        limits=_limits(looked),
        groups=groups,
        compared_groups=comparisons(groups),
    )


def _groups(
    attribute: str,
    members: dict[str, str],
    names: list[str],
    looked: Sequence[Looked],
    scores: Scores,
    drawn: np.ndarray,
    ours: Measured,
) -> list[GroupRates]:
    photos = Counter(each.person for each in looked)
    refused = Counter(each.person for each in looked if each.refused)
    return rates_of_groups(
        attribute,
        [members.get(name, members.get(name.rpartition("/")[2])) for name in names],
        scores,
        np.array([refused[name] for name in names]),
        np.array([photos[name] for name in names]),
        drawn,
        threshold=ours.thresholds[GROUPS_AT].value,
    )


def _proposed(scores: Scores, ours: Measured) -> float | None:
    """The stricter end of the interval at FMR 1e-4, rounded down; None with too few pairs."""
    if PROPOSED_AT * scores.impostors < ENOUGH:
        return None
    return float(np.floor(ours.thresholds[PROPOSED_AT].low / STEP) * STEP)


def _limits(looked: Sequence[Looked]) -> list[TemplateLimit]:
    """Every choice of 1, 2, 3 of a person's templates against all other photos fit for check-ins,
    by the mean distance; rates that too few comparisons stand behind are left out."""
    probes = [each for each in looked if each.vector is not None and not each.unfit]
    if not probes:
        return []
    owner = np.array([each.person for each in probes])
    vectors = np.array([each.vector for each in probes], dtype=np.float64)
    theirs: dict[str, list[Looked]] = {}
    for each in looked:
        if each.template is not None:
            theirs.setdefault(each.person, []).append(each)
    found = []
    for count in range(1, MOST_TEMPLATES + 1):
        strangers = np.zeros(BINS, dtype=np.int64)
        own: list[np.ndarray] = []
        for person, samples in theirs.items():
            chosen_of = samples[:PHOTOS_EACH]
            far = 1.0 - np.array([each.template for each in chosen_of]) @ vectors.T
            for chosen in combinations(range(len(chosen_of)), count):
                means = far[list(chosen)].mean(axis=0)
                used = {id(chosen_of[place]) for place in chosen}
                others = np.array([id(each) not in used for each in probes])
                own.append(means[others & (owner == person)])
                bins = (means[owner != person] * (BINS / 2)).astype(np.int64)
                strangers += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
        total, genuine = int(strangers.sum()), np.concatenate(own) if own else np.empty(0)
        if PROPOSED_AT * total < ENOUGH or not len(genuine):
            break
        place = int(np.searchsorted(np.cumsum(strangers), PROPOSED_AT * total, side="right"))
        threshold = place * 2 / BINS
        found.append(
            TemplateLimit(
                templates=count,
                comparisons=total,
                threshold=threshold,
                missed=float(np.mean(genuine > threshold)),
            )
        )
    return found
