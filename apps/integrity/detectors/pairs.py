"""Pairs that always arrive together from one address: one person with two phones.

A hall behind one address scans within seconds, so most pairs are close now and then. What is asked
is whether a pair was close more often than its class makes likely: in each session the share of
close pairs among all pairs is the chance p of any one of them, and for k close sessions where
λ = Σ p were to be expected, P(K ≥ k) ≤ e^(k−λ)·(λ/k)^k for independent sessions (Chernoff;
Mitzenmacher and Upfal, Probability and Computing, theorem 4.4).
"""

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from apps.integrity.detectors.base import Arrival, DetectedFinding
from apps.integrity.models import FindingKind

WITHIN: Final = timedelta(seconds=3)
FEWEST_SESSIONS: Final = 4
ALWAYS: Final = 0.75  # of the sessions that both attended
CHANCE: Final = 0.01  # that any pair of an honest class is named, all its pairs together

Pair = tuple[int, int]


def together(arrivals: Iterable[Arrival], *, students: Iterable[int]) -> Iterator[DetectedFinding]:
    """What is said of each of `students` that arrived with the same person again and again."""
    asked = set(students)
    sessions: dict[int, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        sessions[arrival.session_id].append(arrival)
    close: Counter[Pair] = Counter()
    chances: dict[int, float] = {}
    for session_id, there in sessions.items():
        pairs = _close_pairs(there)
        close.update(pairs)
        chances[session_id] = len(pairs) / max(math.comb(len(there), 2), 1)
    attended = _attended(sessions)
    for pair, count in close.items():
        common = attended[pair[0]] & attended[pair[1]]
        expected = sum(chances[session_id] for session_id in common)
        if not asked & set(pair) or not _unlikely(count, len(common), expected, len(attended)):
            continue
        for student_id in asked & set(pair):
            detail = {"students": [sum(pair) - student_id], "times": count, "of": len(common)}
            yield DetectedFinding(student_id=student_id, kind=FindingKind.TOGETHER, detail=detail)


def _close_pairs(there: list[Arrival]) -> set[Pair]:
    """Pairs of one session within three seconds of each other at one address."""
    by_address: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in there:
        by_address[arrival.address].append(arrival)
    pairs: set[Pair] = set()
    for group in by_address.values():
        group.sort(key=lambda arrival: arrival.at)
        times = [arrival.at for arrival in group]
        for place, first in enumerate(group):
            end = bisect_right(times, first.at + WITHIN)
            for second in group[place + 1 : end]:
                low, high = sorted((first.student_id, second.student_id))
                pairs.add((low, high))
    return pairs


def _attended(sessions: dict[int, list[Arrival]]) -> dict[int, set[int]]:
    """The sessions of each student."""
    attended: dict[int, set[int]] = defaultdict(set)
    for session_id, there in sessions.items():
        for arrival in there:
            attended[arrival.student_id].add(session_id)
    return attended


def _unlikely(count: int, common: int, expected: float, students: int) -> bool:
    """Whether chance alone would hardly do this, in a class of that many students."""
    if count < FEWEST_SESSIONS or count < ALWAYS * common:
        return False
    return tail_bound(count, expected) * math.comb(students, 2) <= CHANCE


def tail_bound(count: int, expected: float) -> float:
    """Upper bound of P(K ≥ count) for a sum of independent 0/1 variables with that mean."""
    if count <= expected:
        return 1.0
    if not expected:
        return 0.0
    return math.exp(count - expected + count * math.log(expected / count))
