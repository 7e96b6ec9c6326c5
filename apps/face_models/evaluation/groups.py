"""Error rates of groups of people, and whether they are alike enough."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from apps.face_models.evaluation.rates import (
    Floats,
    Interval,
    Numbers,
    Scores,
    accepted,
    false_matches,
    interval,
)

NAMES: Final = ("person", "identity", "code", "name")  # of the column that says who
LEAVE_OUT: Final = ("file", "origin")
SURPLUS: Final = ""  # cells beyond the last column
EXPECTED: Final = 5.0
"""Errors that a group must lead one to expect before its rate is judged: fewer say nothing."""


class GroupsUnreadable(ValueError):
    """The file of groups; the message says what is wrong and where."""


@dataclass(frozen=True, kw_only=True)
class GroupRates:
    """At one threshold. A rate that too few errors are expected of is shown and not judged."""

    attribute: str
    group: str
    people: int
    photos: int
    refused: Interval  # share of photos that nobody could enrol with
    missed: Interval  # share of pairs of one person that do not match
    matched: Interval  # share of pairs of two people of the group that match
    judged: frozenset[str]  # which of `refused`, `missed`, `matched`
    drawn: dict[str, Floats]  # the same rates in each drawing of people


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """Of the groups of one attribute by one rate. `ratio` is infinite where one has no error."""

    attribute: str
    rate: str
    lowest: str
    highest: str
    ratio: Interval

    @property
    def is_sure(self) -> bool:
        """Whether chance alone hardly makes the difference."""
        return self.ratio.low > 1


def read_groups(path: Path) -> dict[str, dict[str, str]]:
    """Attribute → person → group, of a CSV file: `person` (or identity, code, name) and a column
    for each attribute. Empty cells belong to no group. Raises `GroupsUnreadable`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True, restval="", restkey=SURPLUS))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GroupsUnreadable(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    columns = [name for name in (rows[0] if rows else {}) if name != SURPLUS]
    key = next((name for name in NAMES if name in columns), None)
    if key is None:
        raise GroupsUnreadable(f"{path} needs rows, and a column person, identity, code or name.")
    attributes = [name for name in columns if name not in (*NAMES, *LEAVE_OUT)]
    if not attributes:
        raise GroupsUnreadable(f"{path} has no column of groups beside {key}.")
    return {attribute: _members(path, rows, key, attribute) for attribute in attributes}


def _members(path: Path, rows: list[dict[str, str]], key: str, attribute: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        person, group = row[key].strip(), row[attribute].strip()
        if group and found.setdefault(person, group) != group:
            raise GroupsUnreadable(f"{path}, line {number}: {person} is in two groups.")
    return found


def rates_of_groups(
    attribute: str,
    groups: Sequence[str | None],
    scores: Scores,
    refused: Numbers,
    photos: Numbers,
    drawn: Floats,
    *,
    threshold: float,
) -> list[GroupRates]:
    """`groups`, `refused` and `photos` (looked at): of each person of `scores`."""
    everybody = np.ones(scores.people)
    overall = {
        "refused": refused.sum() / max(photos.sum(), 1),
        "missed": 1 - accepted(scores, threshold, everybody),
        "matched": false_matches(scores, threshold, everybody),
    }

    def missed(weights: Floats) -> float:
        return 1 - accepted(scores, threshold, weights)

    def matched(weights: Floats) -> float:
        return false_matches(scores, threshold, weights)

    def unusable(weights: Floats) -> float:
        total = float((weights * photos).sum())
        return float((weights * refused).sum()) / total if total else float("nan")

    found = []
    for name in sorted({group for group in groups if group}):
        inside = np.array([group == name for group in groups], dtype=np.float64)
        tried = {
            "refused": float((inside * photos).sum()),
            "missed": float(inside[scores.whose].sum()),
            "matched": scores.pairs_of(inside),
        }
        kinds = {"refused": unusable, "missed": missed, "matched": matched}
        each = {
            rate: np.array([of(inside * weights) for weights in drawn])
            for rate, of in kinds.items()
        }
        rates = {rate: interval(of(inside), each[rate]) for rate, of in kinds.items()}
        found.append(
            GroupRates(
                attribute=attribute,
                group=name,
                people=int(inside.sum()),
                photos=int(tried["refused"]),
                judged=frozenset(r for r in tried if tried[r] * overall[r] >= EXPECTED),
                drawn=each,
                **rates,
            )
        )
    return found


def comparisons(groups: Sequence[GroupRates]) -> list[GroupComparison]:
    """The highest rate of a group against the lowest, of each attribute and rate."""
    found = []
    for attribute in dict.fromkeys(group.attribute for group in groups):
        for rate in ("refused", "missed", "matched"):
            judged = [g for g in groups if g.attribute == attribute and rate in g.judged]
            if len(judged) < 2:
                continue
            found.append(_compared(attribute, rate, judged))
    return found


def _compared(attribute: str, rate: str, groups: list[GroupRates]) -> GroupComparison:
    def value(group: GroupRates) -> float:
        return float(getattr(group, rate).value)

    lowest, highest = min(groups, key=value), max(groups, key=value)
    return GroupComparison(
        attribute=attribute,
        rate=rate,
        lowest=lowest.group,
        highest=highest.group,
        ratio=interval(
            _ratio(value(highest), value(lowest)),
            np.array(
                [
                    _ratio(most, least)
                    for most, least in zip(highest.drawn[rate], lowest.drawn[rate], strict=True)
                ]
            ),
        ),
    )


def _ratio(most: float, least: float) -> float:
    if most == least:
        return 1.0
    return most / least if least else float("inf")
