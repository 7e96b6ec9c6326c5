"""Card numbers as readers write them."""

from typing import Final

from apps.common.digits import plain_digits

LONGEST: Final = 64


def plain_card(text: str) -> str:
    """The number without what readers put around it: spaces, colons, leading zeros, small letters.

    "04:a2 1F" and "0004A21F" are one card. "" where nothing of a number is left, or too much.
    Whether a reader gives a chip's bytes forwards or backwards is set in the reader.
    """
    letters = "".join(c for c in plain_digits(text).upper() if c.isascii() and c.isalnum())
    return "" if len(letters) > LONGEST else letters.lstrip("0")
