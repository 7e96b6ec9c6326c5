"""Passwords that can be read out and typed, yet not guessed."""

import secrets
from typing import Final

CONSONANTS: Final = "bcdfghjklmnprstvwz"
VOWELS: Final = "aeiou"
SHAPE: Final = (CONSONANTS, VOWELS, CONSONANTS, VOWELS, CONSONANTS)
GROUPS: Final = 4


def readable_password() -> str:
    """Four groups like "tovak-minel-rugas-dopim": 23 characters, 69 bits."""
    return "-".join("".join(map(secrets.choice, SHAPE)) for _group in range(GROUPS))
