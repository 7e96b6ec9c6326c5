"""Check-in attempts, challenges, and when accounts were heard of."""

from apps.checkin.models.attempt import CheckInAttempt, FaceState, Method, Outcome, Reason
from apps.checkin.models.challenge import BURST_CODES, BurstChallenge
from apps.checkin.models.online import OnlineMinute

__all__ = [
    "BURST_CODES",
    "BurstChallenge",
    "CheckInAttempt",
    "FaceState",
    "Method",
    "OnlineMinute",
    "Outcome",
    "Reason",
]
