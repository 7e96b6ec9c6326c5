"""How much a sign weighs, and when signs add up to a flag."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from apps.integrity.models import SignKind

ALONE: Final = Decimal("1.00")  # a flag by itself: honest phones do not do this
HALF: Final = Decimal("0.50")  # happens to honest people: only together with a second one
NOTHING: Final = Decimal("0.00")

WEIGHTS: Final[dict[SignKind, Decimal]] = {
    SignKind.SLOW_REDEEM: HALF,
    SignKind.FAR_AWAY: HALF,
    SignKind.CLOCK_DRIFT: HALF,
    SignKind.OTHER_DEVICE: HALF,
    SignKind.BURST_FAILED: HALF,
    SignKind.SAME_FIX: ALONE,
    SignKind.SHARED_DEVICE: ALONE,
    SignKind.MOCK_LOCATION: ALONE,
    SignKind.TOGETHER: ALONE,
    SignKind.BURST_PASSED: NOTHING,
    SignKind.COPIED_PHOTO: ALONE,
    SignKind.OFFLINE: NOTHING,
}
# Whoever keeps up with a burst sees the screen: what only says "far from the screen" is moot.
CLEARING: Final[dict[SignKind, frozenset[SignKind]]] = {
    SignKind.BURST_PASSED: frozenset({SignKind.SLOW_REDEEM, SignKind.FAR_AWAY}),
}


def flagged(kinds: Iterable[str]) -> bool:
    """Whether a student with these signs (dismissed ones left out) is to be looked at."""
    seen = {SignKind(kind) for kind in kinds}
    moot = {cleared for kind in seen for cleared in CLEARING.get(kind, ())}
    return sum((WEIGHTS[kind] for kind in seen - moot), NOTHING) >= ALONE
