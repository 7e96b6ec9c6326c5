"""The table of what was expected and what happened, and how long things took."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from apps.demo.simulation.acts import Played
from apps.demo.simulation.cast import (
    BY_HAND,
    FULL,
    LOWER,
    NO,
    NOT_ASKED,
    NOT_LISTED,
    NOTHING_SENT,
    UNKNOWN,
    YES,
    Expected,
    SimulatedRole,
)

HEADINGS: Final = ("", "Student", "Does", "Expected", "Actual", "Score")
SAID: Final = {True: YES, False: NO, None: UNKNOWN}
FULL_SCORE: Final = Decimal("1.00")
MARKED: Final = frozenset({"manual", "corrected"})


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One student's line. `skipped` says why a part was not played."""

    role: SimulatedRole
    expected: str
    actual: str = ""
    score: str = ""
    skipped: str = ""

    @property
    def met(self) -> bool:
        return bool(self.skipped) or self.expected == self.actual

    def cells(self) -> tuple[str, ...]:
        mark = "–" if self.skipped else ("ok" if self.met else "DIFFERS")
        actual = f"not played: {self.skipped}" if self.skipped else self.actual
        return mark, self.role.name, self.role.does, self.expected, actual, self.score


def row_of(role: SimulatedRole, played: Played | None, board: dict[str, Any] | None) -> ResultRow:
    """Compare what a role expects with the phone's answer and the register's line."""
    attempt = played.attempt if played else {}
    actual = Expected(
        answer=played.answer if played else NOTHING_SENT,
        register=_register(board),
        factors={name: _factor(attempt, name) for name in role.expected.factors},
        score=_score(attempt) if role.expected.score else "",
    )
    score = f"{attempt['score']:.2f}" if attempt else ""
    return ResultRow(role=role, expected=role.expected.words(), actual=actual.words(), score=score)


def _register(board: dict[str, Any] | None) -> str:
    if board is None:
        return NOT_LISTED
    status: str = board["status"]
    return BY_HAND if status == "present" and board["method"] in MARKED else status


def _factor(attempt: dict[str, Any], name: str) -> str:
    factor = attempt.get("factors", {}).get(name)
    return NOT_ASKED if factor is None else SAID[factor["passed"]]


def _score(attempt: dict[str, Any]) -> str:
    if not attempt:
        return "no score"
    return FULL if Decimal(str(attempt["score"])) == FULL_SCORE else LOWER


def table(rows: Sequence[ResultRow]) -> list[str]:
    """The rows as aligned lines, the headings first."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def settle_times(played: Sequence[Played]) -> list[float]:
    """Milliseconds from the arrival of a check-in to its settlement by a worker, server clock."""
    times = []
    for attempt in (one.attempt for one in played):
        if attempt.get("face_state") == "settled" and attempt["settled_at"]:
            received, settled = (
                datetime.fromisoformat(attempt[name]) for name in ("received_at", "settled_at")
            )
            times.append(1000 * (settled - received).total_seconds())
    return times


def speed(kind: str, milliseconds: Sequence[float]) -> str:
    """ "redeem: p50 12 ms, p95 30 ms (24 requests)"."""
    if not milliseconds:
        return f"{kind}: none"
    p50, p95 = percentile(milliseconds, 50), percentile(milliseconds, 95)
    return f"{kind}: p50 {p50:.0f} ms, p95 {p95:.0f} ms ({len(milliseconds)} measured)"


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the least value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
