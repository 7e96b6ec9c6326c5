"""How much a finding weighs, and when findings add up to a flag."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from apps.integrity.models import FindingKind

ALONE: Final = Decimal("1.00")  # a flag by itself: honest phones do not do this
HALF: Final = Decimal("0.50")  # happens to honest people: only together with a second one
NOTHING: Final = Decimal("0.00")

WEIGHTS: Final[dict[FindingKind, Decimal]] = {
    FindingKind.SLOW_REDEEM: HALF,
    FindingKind.FAR_AWAY: HALF,
    FindingKind.CLOCK_DRIFT: HALF,
    FindingKind.OTHER_DEVICE: HALF,
    FindingKind.RAPID_CODE_FAILED: HALF,
    FindingKind.SAME_BROWSER: HALF,
    FindingKind.DEVICE_CHANGED: HALF,
    FindingKind.ONE_CLASS_KEYS: HALF,
    FindingKind.SYNCED_PASSKEY: HALF,
    FindingKind.CARD_AND_PHONE: HALF,
    FindingKind.SAME_FIX: ALONE,
    FindingKind.SHARED_DEVICE: ALONE,
    FindingKind.MOCK_LOCATION: ALONE,
    FindingKind.TOGETHER: ALONE,
    FindingKind.RAPID_CODE_PASSED: NOTHING,
    FindingKind.COPIED_PHOTO: ALONE,
    FindingKind.OFFLINE: NOTHING,
}
# A student who passes a challenge sees the screen: findings that say otherwise are cleared.
CLEARING: Final[dict[FindingKind, frozenset[FindingKind]]] = {
    FindingKind.RAPID_CODE_PASSED: frozenset({FindingKind.SLOW_REDEEM, FindingKind.FAR_AWAY}),
}


def flagged(kinds: Iterable[str]) -> bool:
    """Whether a student with these findings (dismissed ones left out) is to be looked at."""
    seen = {FindingKind(kind) for kind in kinds}
    moot = {cleared for kind in seen for cleared in CLEARING.get(kind, ())}
    return sum((WEIGHTS[kind] for kind in seen - moot), NOTHING) >= ALONE
