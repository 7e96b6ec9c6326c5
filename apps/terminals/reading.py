"""Card numbers and clocks as readers have them."""

from datetime import datetime
from typing import Final

from apps.common.digits import plain_digits

LONGEST: Final = 64
MOST_SECONDS: Final = 2**31 - 1  # 68 years: what the column holds


def plain_card(text: str) -> str:
    """The number without what readers put around it: spaces, colons, leading zeros, small letters.

    "04:a2 1F" and "0004A21F" are one card. "" where nothing of a number is left, or too much.
    Whether a reader gives a chip's bytes forwards or backwards is set in the reader.
    """
    letters = "".join(c for c in plain_digits(text).upper() if c.isascii() and c.isalnum())
    return "" if len(letters) > LONGEST else letters.lstrip("0")


def drift_of(clock: datetime | None, *, now: datetime) -> int | None:
    """Seconds that a reader's clock is ahead, at most 68 years either way; None if it said none."""
    if clock is None:
        return None
    return max(-MOST_SECONDS, min(MOST_SECONDS, round((clock - now).total_seconds())))
