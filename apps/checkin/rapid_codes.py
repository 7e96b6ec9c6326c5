"""The outcome of a challenge: five codes of one second, of which four must be redeemed in time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

NEEDED: Final = 4  # of five (docs/attacks.md)
# Where fewer pass, the screen was dark or the network down: it says nothing about anybody.
CLASS_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class ChallengeResult:
    """What one student redeemed in time, of the codes of one challenge."""

    student_id: int
    redeemed: int

    @property
    def passed(self) -> bool:
        return self.redeemed >= NEEDED


def challenge_results(
    *, expected: Collection[int], redeemed: Mapping[int, Collection[int]]
) -> tuple[list[ChallengeResult], bool]:
    """The results of everybody who had checked in, and whether the challenge is void.

    `redeemed` maps students to the windows that they redeemed in time.
    """
    results = [
        ChallengeResult(student_id=student_id, redeemed=len(set(redeemed.get(student_id, ()))))
        for student_id in sorted(expected)
    ]
    passed = sum(1 for result in results if result.passed)
    return results, passed < CLASS_SHARE * len(results) or not results
