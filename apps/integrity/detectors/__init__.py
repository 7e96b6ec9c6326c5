"""Signs of cheating: pure functions over what was seen, one file for each kind of sign.

None of them knows database or clock. Numbers and their sources stand in docs/attacks.md.
"""

from apps.integrity.detectors.base import Arrival, Found, Seen
from apps.integrity.detectors.collect import signs_of
from apps.integrity.detectors.weights import CLEARING, WEIGHTS, flagged

__all__ = [
    "CLEARING",
    "WEIGHTS",
    "Arrival",
    "Found",
    "Seen",
    "flagged",
    "signs_of",
]
