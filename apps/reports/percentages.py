"""The one rule of percentages, and what is still within reach.

percentage = 100 × attended / counted, rounded half up to two places; None where nothing counts.
What counts is said by `AttendanceSummary`: excused sessions do not, unless a campus's own status
says otherwise. A limit is compared with the percentage as it is shown: 75.00 is not below 75.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

CENT: Final = Decimal("0.01")
HUNDRED: Final = Decimal(100)


def percentage(attended: int, counted: int) -> Decimal | None:
    """0.00–100.00, or None before anything counts."""
    if not counted:
        return None
    return (HUNDRED * attended / counted).quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Where a student can still end, when `remaining` planned sessions are held and count.

    `highest`: the percentage when every one is attended. `must_attend`: how many of them have to
    be attended to end at the limit or above; None when it is out of reach. `may_miss`: the others.
    `in_a_row`: how many of the next ones in a row until the limit is reached; None when too few
    are left.
    """

    remaining: int
    highest: Decimal | None
    must_attend: int | None
    may_miss: int | None
    in_a_row: int | None


def outlook(*, attended: int, counted: int, remaining: int, limit: Decimal) -> Outlook:
    """`limit` in percent, 0–100."""
    must = _must_attend(attended, counted + remaining, limit)
    reachable = must <= remaining
    row = _in_a_row(attended, counted, limit)
    return Outlook(
        remaining=remaining,
        highest=percentage(attended + remaining, counted + remaining),
        must_attend=must if reachable else None,
        may_miss=remaining - must if reachable else None,
        in_a_row=row if row is not None and row <= remaining else None,
    )


def _reaches(attended: int, counted: int, limit: Decimal) -> bool:
    reached = percentage(attended, counted)
    return reached is None or reached >= limit


def _must_attend(attended: int, counted: int, limit: Decimal) -> int:
    """The smallest n with (attended + n) / counted at the limit, by its rounded percentage."""
    needed = (limit * counted / HUNDRED).to_integral_value(rounding=ROUND_CEILING)
    must = max(0, int(needed) - attended)
    # Rounding half up may forgive one session.
    return must - 1 if must and _reaches(attended + must - 1, counted, limit) else must


def _in_a_row(attended: int, counted: int, limit: Decimal) -> int | None:
    """The smallest n with (attended + n) / (counted + n) at the limit; None when there is none."""
    if _reaches(attended, counted, limit):
        return 0
    # The limit as rounding sees it: half a hundredth of a per cent below.
    least = limit - CENT / 2
    missing = least * counted - HUNDRED * attended
    return int((missing / (HUNDRED - least)).to_integral_value(rounding=ROUND_CEILING))
