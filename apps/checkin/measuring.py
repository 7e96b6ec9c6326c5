"""Counts judged check-ins for monitoring."""

from typing import Any

from apps.common.measures import count

RESULTS = {True: "passed", False: "failed", None: "unknown"}


def count_attempt(attempt: Any) -> None:
    """Its outcome with the reason, and each factor once the outcome stands."""
    count("campus_check_ins", str(attempt.outcome), str(attempt.reason or "none"))
    if attempt.settled_at is None:
        return
    for name, factor in attempt.factors.items():
        count("campus_check_in_factors", name, RESULTS[factor.get("passed")])
