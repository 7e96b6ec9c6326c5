"""Which way a student is asked to turn the head: two or three turns, another sequence each time."""

import hmac
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise, product
from typing import Final

from apps.common.crypto import campus_key
from apps.tenants.scope import current_campus_id

PURPOSE: Final = "liveness-turns"  # of the campus key


class Turn(StrEnum):
    """Directions as the person who turns sees them."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


SIDEWAYS: Final = frozenset({Turn.LEFT, Turn.RIGHT})


def _is_asked(sequence: Sequence[Turn]) -> bool:
    """No turn twice in a row, and one sideways: that is where a nose moves most."""
    changes = all(one != then for one, then in pairwise(sequence))
    return changes and not SIDEWAYS.isdisjoint(sequence)


_ALL: Final = (*product(Turn, repeat=2), *product(Turn, repeat=3))
SEQUENCES: Final = tuple(sequence for sequence in _ALL if _is_asked(sequence))
"""All 44 sequences that can be asked."""


def turns_of(ticket: str) -> tuple[Turn, ...]:
    """What the holder of this ticket of the entered campus is asked to do.

    Reckoned from the ticket's text under a key of the campus: nobody knows it before the ticket is
    issued, and nothing has to be stored.
    """
    key = campus_key(PURPOSE, current_campus_id())
    number = int.from_bytes(hmac.digest(key, ticket.encode(), "sha256"))
    return SEQUENCES[number % len(SEQUENCES)]


def turns_text(turns: Sequence[Turn]) -> str:
    """As a column keeps them: `left,up`."""
    return ",".join(turns)


def turns_read(text: str) -> tuple[Turn, ...]:
    return tuple(Turn(name) for name in text.split(",") if name)
