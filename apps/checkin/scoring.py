"""From factors to a score and a decision. Pure; monotone in every factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from apps.checkin.factors.base import FactorResult
from apps.checkin.models import Reason
from apps.liveness.reasons import DEFINITE

UNKNOWN_CREDIT: Final = 0.5  # share of its weight that a factor gets which could not tell
CENT: Final = Decimal("0.01")
ONE: Final = Decimal(1)
OFFLINE: Final = Decimal("0.80")  # of a session that was opened before policies knew the factor

# What a required or decisive factor says on failing, as the attempt's reason.
REASONS: Final[dict[str, str]] = {
    "no_device": Reason.NO_DEVICE,
    "other_device": Reason.OTHER_DEVICE,
    "bad_signature": Reason.BAD_SIGNATURE,
    "no_passkey": Reason.PASSKEY_REQUIRED,
    "passkey_too_new": Reason.PASSKEY_TOO_NEW,
    "synced_passkey": Reason.SYNCED_PASSKEY,
    "not_matched": Reason.FACE_MISMATCH,
    **dict.fromkeys(DEFINITE, Reason.NOT_LIVE),
}


@dataclass(frozen=True, kw_only=True)
class ScoreResult:
    """`reason` is "" when the check-in counts; `factors` explains the score, factor by factor."""

    score: Decimal
    reason: str
    factors: dict[str, Any]


def credit(result: FactorResult) -> float:
    """Share of its weight (0–1) that a factor earns: failure < could not tell < pass."""
    if result.passed is None:
        return UNKNOWN_CREDIT
    if not result.passed:
        return 0.0
    return UNKNOWN_CREDIT + (1 - UNKNOWN_CREDIT) * result.confidence


def score_of(weights: Mapping[str, float], results: Mapping[str, FactorResult]) -> Decimal:
    """Weighted mean of the credits over the factors that were asked, 0.00–1.00, half up."""
    total = sum(weights.get(name, 0) for name in results)
    if not total:
        return Decimal("0.00")
    earned = sum(weights.get(name, 0) * credit(result) for name, result in results.items())
    return Decimal(str(round(earned / total, 6))).quantize(CENT, rounding=ROUND_HALF_UP)


def judge(
    policy: Mapping[str, Any], results: Mapping[str, FactorResult], *, scale: Decimal = ONE
) -> ScoreResult:
    """What the policy makes of these factors.

    A required factor must be proven, a decisive one must not fail, and the score, multiplied by
    `scale` (0–1), must reach the policy's threshold.
    """
    weights: Mapping[str, float] = policy["weights"]
    score = (score_of(weights, results) * scale).quantize(CENT, rounding=ROUND_HALF_UP)
    total = sum(weights.get(name, 0) for name in results) or 1
    factors = {
        name: {
            "passed": result.passed,
            "confidence": round(result.confidence, 2),
            "weight": round(weights.get(name, 0) / total, 3),
            "points": round(weights.get(name, 0) / total * credit(result), 3),
            "reason": result.reason,
            "detail": dict(result.detail),
        }
        for name, result in results.items()
    }
    return ScoreResult(score=score, reason=_problem(policy, results, score), factors=factors)


def offline_scale(policy: Mapping[str, Any]) -> Decimal:
    """What the score of an offline check-in is multiplied by under this policy snapshot."""
    return Decimal(str(policy.get("offline_factor", OFFLINE)))


def _problem(policy: Mapping[str, Any], results: Mapping[str, FactorResult], score: Decimal) -> str:
    for name, result in results.items():
        # What is missing of a face is for the lecturer to look at: `services.waiting`.
        missing = name in policy["required"] and name != "face" and result.passed is not True
        failed = name in policy["decisive"] and result.passed is False
        if missing or failed:
            return REASONS.get(result.reason, Reason.SCORE_TOO_LOW)
    return "" if score >= Decimal(policy["present_threshold"]) else Reason.SCORE_TOO_LOW
