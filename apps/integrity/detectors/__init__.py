"""Detectors of cheating: pure functions over what was seen, one file for each kind of finding.

None of them knows database or clock. Numbers and their sources stand in docs/attacks.md.
"""

from apps.integrity.detectors.base import Arrival, BoundKey, DetectedFinding, Seen
from apps.integrity.detectors.collect import findings_of
from apps.integrity.detectors.weights import CLEARING, WEIGHTS, flagged

__all__ = [
    "CLEARING",
    "WEIGHTS",
    "Arrival",
    "BoundKey",
    "DetectedFinding",
    "Seen",
    "findings_of",
    "flagged",
]
