"""What a series of frames says: seen live, not live, or could not tell. Pure.

The limits were set on frames made from photos of 44 people of LFW (`python -m bench.liveness`);
docs/faces.md has the rates of 84 others.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import hypot, isfinite
from statistics import fmean, median
from typing import Any, Final

from apps.biometrics.engines.base import Face
from apps.liveness.geometry import Change, NoseShift, change_of, pose
from apps.liveness.reasons import TurnProblem
from apps.liveness.turns import SIDEWAYS, Turn

LEAST_FRAMES: Final = 5
MOST_FRAMES: Final = 8
LEAST_GAP_MS: Final = 150
LONGEST_GAP_MS: Final = 15_000

FRONTAL_TURN: Final = 0.3  # of the first frame, see `geometry.pose`
FRONTAL_NOD: Final = (0.35, 0.75)

FOLLOWS: Final = 0.05  # the nose, the way that was asked, see `geometry.NoseShift` …
BESIDE: Final = 1.0  # … and at most so many times as far the other way
STANDS_OUT: Final = 0.01  # the same way, in the median of all frames that are turned
FLAT_SQUEEZED: Final = 1.18  # a plane so far turned, see `geometry.Change` …
FLAT_NOSE: Final = 0.06  # … with a nose that follows …
FLAT_OUT: Final = 0.01  # … and stands out no farther is no head
FLAT_FRAMES: Final = 2

TURNED_MORE: Final = 0.3  # by how much a turned face may be farther from the templates
MEAN_LESS: Final = 0.01  # by how much the mean of all frames has to be nearer: it strays less
NEIGHBOURS: Final = 0.9  # cosine distance of a frame to the one before
ANOTHER: Final = 0.85  # cosine distance of a face straight ahead that is somebody else's
COPIES: Final = 2  # so many frames that were there before are no chance


class Decision(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSeen:
    """One frame as a worker saw it, and which turn it was taken for (0: straight ahead).

    `face` is None where none is good enough; `poor` says why, as `quality.QualityReason`.
    `template`: mean cosine distance to the student's templates; `neighbour`: to the frame before.
    `nose`: how far it stands out against the first frame; None where that could not be measured.
    """

    turn: int
    at_ms: int
    face: Face | None
    template: float | None = None
    neighbour: float | None = None
    nose: NoseShift | None = None
    used_before: bool = False
    poor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    decision: Decision
    reason: str = ""
    measurements: dict[str, Any] = field(default_factory=dict)


def judge(
    frames: Sequence[FrameSeen], turns: Sequence[Turn], *, limit: float, elapsed_ms: int
) -> Verdict:
    """Judge the frames, oldest first, against the turns that were asked.

    `limit`: the largest distance to the templates that is the same person's. `elapsed_ms`: since
    the turns were told. A poor frame is never held against anybody.
    """
    copies = sum(frame.used_before for frame in frames)
    facts: dict[str, Any] = {"used_before": copies}
    reason: str = TurnProblem.USED_BEFORE if copies else ""
    if copies >= COPIES:
        return Verdict(decision=Decision.FAILED, reason=reason, measurements=facts)
    reason = reason or in_order(frames, turns, elapsed_ms=elapsed_ms) or _poor(frames)
    if reason:
        return Verdict(decision=Decision.UNDECIDED, reason=reason, measurements=facts)
    changes = _changes(frames)
    facts |= _measurements(frames, changes)
    reason = (
        _not_straight(frames)
        or _another_person(frames, limit=limit)
        or _flat(frames, changes)
        or _not_followed(frames, turns)
    )
    failed = reason in (TurnProblem.ANOTHER_PERSON, TurnProblem.FLAT)
    decision = Decision.FAILED if failed else Decision.UNDECIDED if reason else Decision.PASSED
    return Verdict(decision=decision, reason=reason, measurements=facts)


def in_order(frames: Sequence[FrameSeen], turns: Sequence[Turn], *, elapsed_ms: int) -> str:
    """Whether there is a frame straight ahead and one of each turn, one after the other, as fast as
    a head turns, and all of them since the turns were told; else why not."""
    numbers = [frame.turn for frame in frames]
    complete = sorted(set(numbers)) == list(range(len(turns) + 1)) and numbers == sorted(numbers)
    if not complete or not LEAST_FRAMES <= len(frames) <= MOST_FRAMES:
        return TurnProblem.INCOMPLETE
    gaps = [then.at_ms - one.at_ms for one, then in pairwise(frames)]
    fit = all(LEAST_GAP_MS <= gap <= LONGEST_GAP_MS for gap in gaps) and sum(gaps) <= elapsed_ms
    return "" if fit else TurnProblem.TIMES


def _poor(frames: Sequence[FrameSeen]) -> str:
    return next((frame.poor or "no_face" for frame in frames if frame.face is None), "")


def _changes(frames: Sequence[FrameSeen]) -> list[Change]:
    """Of each frame after the first."""
    first, *others = (frame.face for frame in frames if frame.face is not None)
    return [change_of(first, face) for face in others]


def _measurements(frames: Sequence[FrameSeen], changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "turns": [frame.turn for frame in frames],
        "across": [_rounded(change.across) for change in changes],
        "nodded": [_rounded(change.nodded) for change in changes],
        "squeezed": [_rounded(change.squeezed) for change in changes],
        "nose": [
            None if nose is None else [_rounded(part) for part in astuple(nose)]
            for nose in (frame.nose for frame in frames[1:])
        ],
        "template": [_rounded(frame.template) for frame in frames],
        "neighbour": [_rounded(frame.neighbour) for frame in frames[1:]],
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None or not isfinite(number) else round(number, 3)


def _not_straight(frames: Sequence[FrameSeen]) -> str:
    assert frames[0].face is not None  # `_poor`
    turn, nod = pose(frames[0].face)
    low, high = FRONTAL_NOD
    return "" if abs(turn) <= FRONTAL_TURN and low <= nod <= high else TurnProblem.NOT_STRAIGHT


def _another_person(frames: Sequence[FrameSeen], *, limit: float) -> str:
    """The first frame looks straight ahead and must match; turned faces are farther off. All of
    them together must match too, which a picture blended of two people does less. Who is only a
    little too far is not accused."""
    for number, frame in enumerate(frames):
        allowed = limit + (TURNED_MORE if number else 0)
        if frame.template is None or frame.template > allowed:
            another = not number and frame.template is not None and frame.template > ANOTHER
            return TurnProblem.ANOTHER_PERSON if another else TurnProblem.UNLIKE
        if number and (frame.neighbour is None or frame.neighbour > NEIGHBOURS):
            return TurnProblem.UNLIKE
    mean = fmean(frame.template for frame in frames if frame.template is not None)
    return "" if mean <= limit - MEAN_LESS else TurnProblem.UNLIKE


def _flat(frames: Sequence[FrameSeen], changes: Sequence[Change]) -> str:
    flat = sum(
        change.squeezed >= FLAT_SQUEEZED
        and frame.nose is not None
        and hypot(frame.nose.across, frame.nose.down) <= FLAT_NOSE
        and hypot(frame.nose.out_across, frame.nose.out_down) <= FLAT_OUT
        for frame, change in zip(frames[1:], changes, strict=True)
    )
    return TurnProblem.FLAT if flat >= FLAT_FRAMES else ""


def _not_followed(frames: Sequence[FrameSeen], turns: Sequence[Turn]) -> str:
    """Each turn has a frame in which the nose follows, and over all of them it stands out."""
    out: list[float] = []
    for number, turn in enumerate(turns, start=1):
        noses = [_along(f.nose, turn) for f in frames if f.turn == number and f.nose is not None]
        if not any(one.follows for one in noses):
            return TurnProblem.NOT_FOLLOWED
        out += [one.out for one in noses]
    return "" if median(out) >= STANDS_OUT else TurnProblem.NOT_FOLLOWED


@dataclass(frozen=True, slots=True)
class _Along:
    """A shift of the nose as a turn sees it: the way that was asked, beside it, and out."""

    asked: float
    beside: float
    out: float

    @property
    def follows(self) -> bool:
        return self.asked >= FOLLOWS and abs(self.beside) <= BESIDE * self.asked


def _along(nose: NoseShift, turn: Turn) -> _Along:
    sign = -1 if turn in (Turn.RIGHT, Turn.UP) else 1
    if turn in SIDEWAYS:
        return _Along(sign * nose.across, nose.down, sign * nose.out_across)
    return _Along(sign * nose.down, nose.across, sign * nose.out_down)
